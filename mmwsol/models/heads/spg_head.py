from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from mmwsol.models.layers import at_least_float32, minmax
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample

from .cam_head import CAMHead


@MODELS.register_module()
class SPGHead(CAMHead):
    """Self-produced guidance (Zhang et al., ECCV 2018), in wsolevaluation's form.

    Classification is that of the ``conv`` form of ``CAMHead``. In training, branches predict foreground masks: B1 from an
    earlier feature, B2 from a later one, C from the feature in front of the classifier. Guides are handed down: the class
    map of the image's label to B2, B2 to B1, the mean of both to C. Each guide gives seeds, see ``SeedLoss``. At test time
    the branches are not run.

    Expects the backbone's outputs (B1's, B2's, ..., last); B2's may be the last.

    Args:
        early_channels: channels of the first two backbone outputs, which B1 and B2 read.
        branch_channels: width of B1 and B2 (VGG16 and InceptionV3: 512, ResNet-50: 1024).
        loss_b2, loss_b1, loss_c: ``SeedLoss`` of each branch.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        early_channels: tuple[int, int],
        hidden_channels: Sequence[int] = (),
        branch_channels: int = 512,
        loss_b2: dict | None = None,
        loss_b1: dict | None = None,
        loss_c: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, in_channels, 'conv', hidden_channels, **kwargs)
        width = branch_channels
        self.branch_b1, self.branch_b2 = (
            nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()) for inputs in early_channels
        )
        self.shared_b = _mask_branch(width, width)
        self.branch_c = _mask_branch([in_channels, *hidden_channels][-1], 512)
        self.loss_b2 = MODELS.build(loss_b2 or dict(type='SeedLoss', high=0.7, low=0.01))
        self.loss_b1 = MODELS.build(loss_b1 or dict(type='SeedLoss', high=0.5, low=0.05))
        self.loss_c = MODELS.build(loss_c or dict(type='SeedLoss', high=0.7, low=0.1))

    def mask_logits(self, feats: Sequence[Tensor], pre_logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Foreground logits of B1, B2 and C, each (N, 1, h, w) of its own size."""
        if len(feats) < 2:
            raise ValueError(
                'SPGHead needs at least two backbone outputs, the features of B1 and B2, got one; set '
                'backbone.out_indices, and backbone.cuts for a feature inside a stage'
            )
        b1 = self.shared_b(self.branch_b1(feats[0]))
        b2 = self.shared_b(self.branch_b2(feats[1]))
        return b1, b2, self.branch_c(pre_logits)

    def loss(self, feats: Sequence[Tensor], data_samples: list[LocDataSample], **kwargs) -> dict[str, Tensor]:
        """Cross-entropy and one seed loss a branch, at the size of ``inputs`` (N, 3, H, W)."""
        pre_logits = self.pre_logits(feats)
        size = kwargs['inputs'].shape[-2:]
        b1, b2, c = (enlarge(mask, size) for mask in self.mask_logits(feats, pre_logits))

        def loss_b2(labels: Tensor) -> dict[str, Tensor]:
            maps = self.localize(pre_logits, labels[:, None])  # (N, 1, h, w)
            return {'loss_b2': self.loss_b2(b2, attention_guide(maps, size))}

        return {
            'loss_cls': self.classification_loss(self.classify(pre_logits), data_samples),
            **self.over_labels(loss_b2, data_samples, pre_logits.device),
            'loss_b1': self.loss_b1(b1, b2.sigmoid()),
            'loss_c': self.loss_c(c, fused_guide(b1, b2)),
        }


def enlarge(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, at least in float32: (N, C, h, w) to (N, C, H, W)."""
    return F.interpolate(at_least_float32(maps), (size[0], size[1]), mode='bilinear', align_corners=False)


def attention_guide(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Guide of B2: the class map (N, 1, h, w) of each image's label, scaled to [0, 1], (N, 1, H, W) without gradient."""
    return minmax(enlarge(maps.detach(), size)[:, 0])[:, None]


def fused_guide(b1: Tensor, b2: Tensor) -> Tensor:
    """Guide of C: mean foreground probability of B1 and B2, (N, 1, H, W) in [0, 1] without gradient, from their logits."""
    return (b1.detach().sigmoid() + b2.detach().sigmoid()) / 2


def _mask_branch(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 1, 1))
