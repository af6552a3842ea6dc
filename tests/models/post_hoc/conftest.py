"""Localizers with untrained classifiers of every kind that post-hoc maps read, in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmwsol.models.localizers import Localizer


@pytest.fixture
def classifier(tiny_backbone: type) -> Callable[..., Localizer]:
    """``classifier(maps)``: 4 classes, 4x4 maps of 10 channels for 32x32 images; a transformer if ``vit``."""

    def build(maps: dict | None = None, vit: bool = False, **head) -> Localizer:
        torch.manual_seed(0)
        backbone = dict(type=tiny_backbone, out_indices=(-1,))
        head = dict(type='CAMHead', num_classes=4, in_channels=10, topk=2) | head
        if vit:
            backbone = dict(type='ViTBackbone', name='test_vit', img_size=32, return_class_token=True)
            head |= dict(type='ClassTokenHead', in_channels=64)
        return Localizer(backbone=backbone, head=head, maps=maps).double().eval()

    return build


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)).double()
