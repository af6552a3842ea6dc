from __future__ import annotations

import torch

from mmwsol.models.layers import minmax


def test_each_map_spans_zero_to_one() -> None:
    maps = minmax(torch.randn(3, 4, 5))
    assert maps.flatten(1).amin(1).tolist() == [0.0] * 3 and maps.flatten(1).amax(1).tolist() == [1.0] * 3


def test_constant_map_is_zero_and_gives_no_gradient_but_no_nan() -> None:
    maps = torch.full((2, 3, 3), 0.7, requires_grad=True)
    normalised = minmax(maps)
    normalised.sum().backward()
    assert (normalised == 0).all() and (maps.grad == 0).all()


def test_minimum_and_maximum_pass_their_gradient_to_one_element_each() -> None:
    maps = torch.tensor([[[0.0, 0.0, 1.0, 4.0, 4.0]]], requires_grad=True)
    minmax(maps)[0, 0, 2].backward()  # (1 - min) / (max - min)
    assert (maps.grad != 0).sum() == 3
