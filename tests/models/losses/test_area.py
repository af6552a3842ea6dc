from __future__ import annotations

import torch

from mmwsol.models.losses import AreaLoss


def test_area_is_the_mean_over_all_pixels_and_images() -> None:
    maps = torch.zeros(2, 1, 2, 2)
    maps[0, 0, 0, 0] = 1.0
    assert AreaLoss()(maps).item() == 1 / 8
    assert AreaLoss(loss_weight=1.5)(maps).item() == 1.5 / 8


def test_every_pixel_gets_the_same_gradient() -> None:
    maps = torch.rand(2, 1, 2, 2, requires_grad=True)
    AreaLoss(loss_weight=4.0)(maps).backward()
    assert maps.grad.unique().tolist() == [0.5]


def test_half_precision_maps_are_averaged_in_float32() -> None:
    assert AreaLoss()(torch.full((1, 1, 300, 300), 0.1, dtype=torch.bfloat16)).dtype == torch.float32
