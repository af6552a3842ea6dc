from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmwsol.models.layers import at_least_float32, class_conv2d, minmax
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample

from .loc_head import LocHead


@MODELS.register_module()
class ACoLHead(LocHead):
    """Adversarial complementary learning (Zhang et al., CVPR 2018), in wsolevaluation's form.

    Two classifiers read the last feature. Where the map of the image's class of A, scaled to [0, 1], reaches the threshold,
    the feature is set to 0 for B, which must find other parts of the object. A alone gives the logits. The map of a class
    is the larger of A's and B's, each scaled to [0, 1].

    B's map of a class is made from what A's map *of that class* leaves over, so every kept map costs one run of B: keep
    few (``topk=1``).

    Args:
        in_channels: of the backbone's last feature map.
        threshold: erased is where A's scaled map is at least this; above 1 nothing is.
        hidden_channels: width of the two 3x3 convolutions of A and of B.
        smooth: a 3x3 mean of stride 1, borders counted as 0, in front of A and B (VGG16).
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        threshold: float = 0.7,
        hidden_channels: int = 1024,
        smooth: bool = False,
        init_cfg: dict | list[dict] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, init_cfg=init_cfg, **kwargs)
        if threshold < 0:
            raise ValueError(f'threshold must not be negative (useful: 0.5 to 0.9), got {threshold}')
        self.threshold = threshold
        self.smooth = nn.AvgPool2d(3, 1, padding=1) if smooth else nn.Identity()
        self.classifier_a, self.classifier_b = (
            nn.Sequential(
                nn.Conv2d(in_channels, hidden_channels, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(hidden_channels, num_classes, 1),
            )
            for _ in range(2)
        )

    def pre_logits(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The feature (N, ``in_channels``, h, w) that A and B share, and A's hidden feature (N, c, h, w)."""
        feature = self.smooth(feats[-1])
        return feature, self.classifier_a[:4](feature)

    def classify(self, pre_logits: tuple[Tensor, Tensor]) -> Tensor:
        return _pooled_logits(self.classifier_a, pre_logits[1])  # (N, K)

    def localize(self, pre_logits: tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
        maps = []
        for wanted in labels.split(1, 1):  # (N, 1), class by class
            attention, hidden = self.complement(pre_logits, wanted)
            second = _class_maps(self.classifier_b, hidden, wanted)
            maps.append(torch.maximum(attention, _scaled(second)))
        return torch.cat(maps, 1)  # (N, C, h, w)

    def complement(self, pre_logits: tuple[Tensor, Tensor], labels: Tensor) -> tuple[Tensor, Tensor]:
        """A's map of the classes ``labels`` (N, 1), scaled to [0, 1], and B's hidden feature of what it leaves over."""
        feature, hidden = pre_logits
        attention = _scaled(_class_maps(self.classifier_a, hidden, labels).detach())  # (N, 1, h, w)
        erased = feature.masked_fill(attention >= self.threshold, 0)
        return attention, self.classifier_b[:4](erased)

    def loss(self, feats: Sequence[Tensor], data_samples: list[LocDataSample], **kwargs) -> dict[str, Tensor]:
        """``loss_cls`` of A and ``loss_cls_b`` of B; of images mixed from two, B sees them once for each label."""
        pre_logits = self.pre_logits(feats)

        def loss_b(labels: Tensor) -> dict[str, Tensor]:
            _, hidden = self.complement(pre_logits, labels[:, None])
            logits = at_least_float32(_pooled_logits(self.classifier_b, hidden))
            return {'loss_cls_b': F.cross_entropy(logits, labels)}

        return {
            'loss_cls': self.classification_loss(self.classify(pre_logits), data_samples),
            **self.over_labels(loss_b, data_samples, pre_logits[0].device),
        }


def _pooled_logits(classifier: nn.Sequential, hidden: Tensor) -> Tensor:
    """Mean of the class maps, (N, K); the mean is taken in front of the 1x1 convolution, which then runs once an image."""
    return classifier[4](hidden.mean((2, 3), keepdim=True)).flatten(1)


def _class_maps(classifier: nn.Sequential, hidden: Tensor, labels: Tensor) -> Tensor:
    weight, bias = classifier[4].parameters()
    return at_least_float32(class_conv2d(hidden, weight, bias, labels))  # (N, C, h, w)


def _scaled(maps: Tensor) -> Tensor:
    """Each map (N, C, h, w) to [0, 1] by its own minimum and maximum."""
    return minmax(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
