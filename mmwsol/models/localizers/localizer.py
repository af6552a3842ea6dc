from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor

from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample

LOCALIZED_VIEW = 4  # of the ten crops: the centre


def localized_view(image: Tensor) -> Tensor:
    """The view that is localized, (3, H, W), of a network input (3, H, W) or (V, 3, H, W)."""
    return image if image.ndim == 3 else image[_localized_index(len(image))]


def _localized_index(views: int) -> int:
    return min(LOCALIZED_VIEW, views - 1)


@MODELS.register_module()
class Localizer(BaseModel):
    """A weakly supervised localizer: data preprocessor, backbone, optional neck, head.

    Images may come as several views (N, V, 3, H, W), as ten-crop test data do: all views are classified in one batch and
    their probabilities averaged, the centre view alone is localized.

    Args:
        maps: post-hoc maps (``GradCAMPlusPlus``, ``TorchCAM``, ``BagCAMs``) that take the place of the head's own when it
            predicts; scores, losses and checkpoints stay as they are.
        channels_last: keep weights and activations in channels-last order in memory: faster for depthwise convolutions on
            the CPU and for mixed precision on a GPU; the numbers are the same up to rounding.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        neck: dict | None = None,
        data_preprocessor: dict | None = None,
        maps: dict | None = None,
        channels_last: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        preprocessor = data_preprocessor or {}
        preprocessor.setdefault('type', 'LocDataPreprocessor')
        super().__init__(MODELS.build(preprocessor), init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck) if neck else None
        self.head = MODELS.build(head)
        self.maps = MODELS.build(maps) if maps else None
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def extract_feat(self, inputs: Tensor) -> Sequence[Any]:
        """Backbone (and neck) outputs of images (N, 3, H, W)."""
        feats = self.backbone(inputs.contiguous(memory_format=self.memory_format))
        feats = feats if isinstance(feats, tuple | list) else (feats,)
        return feats if self.neck is None else self.neck(feats)

    def forward(
        self, inputs: Tensor, data_samples: list[LocDataSample] | None = None, mode: str = 'tensor'
    ) -> dict[str, Tensor] | list[LocDataSample] | Tensor:
        """``loss`` gives the losses, ``predict`` the filled data samples, ``tensor`` the logits (N, K)."""
        if mode == 'loss':
            return self.head.loss(
                self.extract_feat(inputs), data_samples, backbone=self.backbone, inputs=inputs
            )
        if mode == 'predict':
            if data_samples is None:
                data_samples = [LocDataSample() for _ in inputs]
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.head(self.extract_feat(inputs))
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def predict(self, inputs: Tensor, data_samples: list[LocDataSample]) -> list[LocDataSample]:
        if inputs.ndim == 4:
            if self.maps is not None:
                return self.maps.predict(self, inputs, data_samples)
            return self.head.predict(self.extract_feat(inputs), data_samples)
        views = inputs.shape[1]
        centre = _localized_index(views)
        feats = self.extract_feat(inputs.flatten(0, 1))
        if self.maps is not None:
            data_samples = self.maps.predict(self, inputs[:, centre], data_samples)
        else:
            localized = [feat.unflatten(0, (-1, views))[:, centre] for feat in feats]
            data_samples = self.head.predict(localized, data_samples)
        scores = self.head(feats).float().softmax(1).unflatten(0, (-1, views)).mean(1)  # (N, K)
        for sample, score in zip(data_samples, scores):
            sample.set_field(score, 'pred_scores')
            sample.set_field(score.argmax(0, keepdim=True), 'pred_label')
        return data_samples
