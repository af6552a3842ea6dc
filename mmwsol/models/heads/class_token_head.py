from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from mmwsol.models.layers import patch_attention
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample

from .loc_head import LocHead, class_agnostic_labels


class ClassTokenFeatures(NamedTuple):
    """Attention rows (N, T, L) or None, class token (N, D), patch map (N, D, h, w)."""

    rows: Tensor | None
    token: Tensor
    patches: Tensor


@MODELS.register_module()
class ClassTokenHead(LocHead):
    """The classifier that a vision transformer was trained with: a linear layer on its class token (ViT, DeiT).

    Its map is the class token's attention to the patches, summed over the blocks: one map, of no class. Maps of classes come
    from ``Localizer(maps=...)``.

    Expects ``ViTBackbone(return_class_token=True)`` and, for its own map, attention rows (``attention='test'``).

    Args:
        in_channels: D.
        last_n: sum the attention of so many last blocks; ``None`` for all.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        last_n: int | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, init_cfg=init_cfg, **kwargs)
        if last_n is not None and last_n < 1:
            raise ValueError(f'last_n must be at least 1, got {last_n}')
        self.last_n = last_n
        self.fc = nn.Linear(in_channels, num_classes)

    def pre_logits(self, feats: Sequence[Tensor]) -> ClassTokenFeatures:
        if len(feats) < 2 or feats[-2].ndim != 2:
            raise ValueError(
                f'ClassTokenHead needs a class token (N, D) in front of the patch map, got {len(feats)} features; set '
                'backbone.return_class_token=True'
            )
        rows = feats[0] if feats[0].ndim == 3 else None  # (N, D, h, w) are keys
        return ClassTokenFeatures(rows, feats[-2], feats[-1])

    def classify(self, pre_logits: ClassTokenFeatures) -> Tensor:
        return self.fc(pre_logits.token)  # (N, K)

    def localize(self, pre_logits: ClassTokenFeatures, labels: Tensor) -> Tensor:
        if pre_logits.rows is None:
            raise ValueError(
                "the map of ClassTokenHead is attention, which the backbone did not give: set backbone.attention='test' or "
                "'rollout', or post-hoc maps (model.maps)"
            )
        return patch_attention(pre_logits.rows, pre_logits.patches.shape[-2:], self.last_n)  # (N, 1, h, w)

    def kept_labels(self, logits: Tensor, data_samples: list[LocDataSample]) -> Tensor:
        return class_agnostic_labels(logits)
