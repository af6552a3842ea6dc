from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mmwsol.models.layers import at_least_float32, class_conv2d, pooled_conv2d
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample

from .loc_head import LocHead, class_agnostic_labels


@MODELS.register_module()
class SATHead(LocHead):
    """Spatial-aware token (Wu et al., ICCV 2023): one class-agnostic map, the mean of the spatial token's masks.

    The classifier is a 3x3 convolution over the patch tokens with global average pooling; the class token is not read.
    Expects ``SpatialTokenViT``: masks (N, S, h, w) and the patch map (N, D, h, w).

    Args:
        in_channels: D.
        semantic_maps: ``True`` gives the classifier's maps of the kept classes instead of the class-agnostic one.
        loss_area, loss_norm: see ``BatchAreaLoss`` and ``NormalizationLoss``.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        semantic_maps: bool = False,
        loss_area: dict | None = None,
        loss_norm: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, init_cfg=init_cfg, **kwargs)
        self.semantic_maps = semantic_maps
        self.semantic = nn.Conv2d(in_channels, num_classes, 3, padding=1)
        self.loss_area = MODELS.build(loss_area or dict(type='BatchAreaLoss'))
        self.loss_norm = MODELS.build(loss_norm or dict(type='NormalizationLoss'))

    def pre_logits(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The fused map (N, 1, h, w) and the patch map (N, D, h, w)."""
        if len(feats) != 2:
            raise ValueError(
                f'SATHead needs masks and patch map, got {len(feats)} features; use backbone.type=SpatialTokenViT'
            )
        return feats[0].mean(1, keepdim=True), feats[1]

    def classify(self, pre_logits: tuple[Tensor, Tensor]) -> Tensor:
        return pooled_conv2d(pre_logits[1], self.semantic.weight, self.semantic.bias)  # (N, K)

    def localize(self, pre_logits: tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
        if not self.semantic_maps:
            return pre_logits[0]  # (N, 1, h, w)
        return class_conv2d(pre_logits[1], self.semantic.weight, self.semantic.bias, labels)  # (N, C, h, w)

    def kept_labels(self, logits: Tensor, data_samples: list[LocDataSample]) -> Tensor:
        if self.semantic_maps:
            return super().kept_labels(logits, data_samples)
        return class_agnostic_labels(logits)

    def loss(self, feats: Sequence[Tensor], data_samples: list[LocDataSample], **kwargs) -> dict[str, Tensor]:
        pre_logits = self.pre_logits(feats)
        logits = at_least_float32(self.classify(pre_logits))
        return {
            'loss_cls': self.classification_loss(logits, data_samples),
            'loss_area': self.loss_area(pre_logits[0]),
            'loss_norm': self.loss_norm(pre_logits[0]),
        }
