from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmwsol.models.backbones import StagedBackbone
from mmwsol.models.layers import class_conv2d, frozen_call
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample

from .loc_head import LocHead


@MODELS.register_module()
class BASHead(LocHead):
    """Background activation suppression (Wu et al., CVPR 2022; extension: Zhai et al., IJCV 2023).

    The backbone is cut in two. From the split feature x a generator predicts one foreground map per class. The map of
    the image's class erases the foreground from x, the rest of the backbone and the classifier score what is left,
    and that score is pushed towards 0 while the area of the map is kept small. The erased pass uses frozen weights:
    its loss trains the generator and, through it, the layers before the split, nothing else.

    Of images mixed from two (CutMix) both labels have their foreground, and all losses are weighted over both.

    Expects a backbone with two outputs: x (N, ``split_channels``, h, w) and its last feature (N, ``in_channels``, h', w').

    Args:
        split_stage: the backbone stage that reads x.
        hidden_channels: width of the classifier's two 3x3 convolutions.
        final_relu: a ReLU behind the classifier (CVPR release: yes).
        frg_weight: weight of the foreground-region guidance, the cross-entropy of the class maps weighted with the
            foreground map; 0 leaves it out.
        loss_bas, loss_area: see their classes.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        split_channels: int,
        split_stage: int,
        hidden_channels: int = 1024,
        final_relu: bool = False,
        frg_weight: float = 0.5,
        loss_bas: dict | None = None,
        loss_area: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, init_cfg=init_cfg, **kwargs)
        self.split_stage = split_stage
        self.frg_weight = frg_weight
        layers = [
            nn.Conv2d(in_channels, hidden_channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, num_classes, 1),
        ]
        self.classifier = nn.Sequential(*layers, *([nn.ReLU()] if final_relu else []))
        self.final_relu = final_relu
        self.generator = nn.Conv2d(split_channels, num_classes, 3, padding=1)
        self.loss_bas = MODELS.build(loss_bas or dict(type='BackgroundActivationSuppressionLoss'))
        self.loss_area = MODELS.build(loss_area or dict(type='AreaLoss', loss_weight=1.5))

    def pre_logits(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The split feature x and the feature that the class logits are linear in.

        That is the classifier's hidden feature (N, ``hidden_channels``, h', w'), or behind a final ReLU the class
        activation maps (N, K, h', w'). The spatial mean is taken of it, then the 1x1 layer left over runs once an image.
        """
        if len(feats) != 2:
            raise ValueError(
                f'BASHead needs two backbone outputs, the split feature and the last one, got {len(feats)}; set '
                f'backbone.out_indices=({self.split_stage - 1}, -1)'
            )
        return feats[0], self.classifier[: 6 if self.final_relu else 4](feats[1])

    def classify(self, pre_logits: tuple[Tensor, Tensor]) -> Tensor:
        pooled = pre_logits[1].mean((2, 3), keepdim=True)
        return (pooled if self.final_relu else self.classifier[4](pooled)).flatten(1)  # (N, K)

    def localize(self, pre_logits: tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
        weight, bias = self.generator.weight, self.generator.bias
        return class_conv2d(pre_logits[0], weight, bias, labels).float().sigmoid()  # (N, C, h, w)

    def loss(self, feats: Sequence[Tensor], data_samples: list[LocDataSample], **kwargs) -> dict[str, Tensor]:
        split, hidden = pre_logits = self.pre_logits(feats)
        logits = self.classify(pre_logits).float()

        def map_losses(labels: Tensor) -> dict[str, Tensor]:
            foreground = self.localize(pre_logits, labels[:, None])  # (N, 1, h, w)
            losses = {}
            if self.frg_weight:
                inside = self.foreground_logits(hidden, foreground)
                losses['loss_frg'] = self.frg_weight * F.cross_entropy(inside, labels)
            # scores of the labels in what the foreground leaves over, (N, 1)
            background = self.background_logits(split, foreground, kwargs['backbone'], labels[:, None])
            losses['loss_bas'] = self.loss_bas(background[:, 0], logits.gather(1, labels[:, None])[:, 0])
            losses['loss_area'] = self.loss_area(foreground)
            return losses

        return {
            'loss_cls': self.classification_loss(logits, data_samples),
            **self.over_labels(map_losses, data_samples, split.device),
        }

    def foreground_logits(self, hidden: Tensor, foreground: Tensor) -> Tensor:
        """Class scores inside the foreground: mean of the class maps weighted with the map, (N, K).

        ``hidden`` is what ``pre_logits`` gives.
        """
        weights = F.adaptive_avg_pool2d(foreground, (hidden.shape[-2], hidden.shape[-1])).to(
            hidden.dtype
        )  # (N, 1, h', w')
        inside = hidden.flatten(2) @ weights.flatten(2).transpose(1, 2) / weights[0].numel()  # (N, c, 1)
        inside, mean_weight = inside[..., 0], weights.mean((2, 3))  # (N, c), (N, 1)
        if not self.final_relu:
            weight, bias = self.classifier[4].parameters()
            inside = F.linear(inside, weight.flatten(1)) + bias * mean_weight
        return inside.float()

    def background_logits(
        self, split: Tensor, foreground: Tensor, backbone: StagedBackbone, labels: Tensor | None = None
    ) -> Tensor:
        """Scores of what the map leaves over, under frozen weights; gradients reach ``foreground`` only.

        Of all classes, (N, K), or of the classes ``labels`` alone, (N, C), without computing the others.
        """
        if labels is None:
            labels = torch.arange(self.num_classes, device=split.device).expand(len(split), -1)
        erased = split.detach() * (1 - foreground)
        prefixes = backbone.stage_prefixes(self.split_stage)
        feature = frozen_call(backbone, erased, start=self.split_stage, prefixes=prefixes)[-1]
        hidden = frozen_call(self.classifier[:4], feature)
        if not self.final_relu:
            hidden = hidden.mean((2, 3), keepdim=True)
        weight, bias = (parameter.detach() for parameter in self.classifier[4].parameters())
        cams = class_conv2d(hidden, weight, bias, labels)  # (N, C, h', w'), or (N, C, 1, 1)
        return self.classifier[5:](cams).float().mean((2, 3))
