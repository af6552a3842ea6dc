from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from mmwsol.models.losses import NormalizationLoss


def test_kernel_is_the_root_of_a_normal_distributions_outer_product() -> None:
    def cdf(x: float) -> float:
        return (1 + math.erf(x / math.sqrt(2))) / 2

    edge = 6 + 13 / 6
    points = [-edge, -edge / 3, edge / 3, edge]
    row = torch.tensor([cdf(b) - cdf(a) for a, b in pairwise(points)], dtype=torch.double)
    kernel = torch.outer(row, row).sqrt()
    torch.testing.assert_close(
        NormalizationLoss().kernel[0, 0].double(), kernel / kernel.sum(), rtol=1e-6, atol=0
    )


def test_largest_for_half_and_smallest_for_sure_maps() -> None:
    loss = NormalizationLoss()
    half, none = torch.full((1, 1, 50, 50), 0.5), torch.zeros(1, 1, 9, 9)
    assert loss(half).item() == pytest.approx(0.25, abs=2e-3) and loss(none).item() == 0.0


def test_zero_padding_dims_the_border_of_a_full_map() -> None:
    blurred = NormalizationLoss().blur(torch.ones(1, 1, 5, 5))[0, 0]
    assert blurred[2, 2].item() == pytest.approx(1.0)
    assert blurred[0, 2].item() == pytest.approx(0.949, abs=1e-3) and blurred[0, 0].item() == pytest.approx(
        0.900, abs=1e-3
    )
