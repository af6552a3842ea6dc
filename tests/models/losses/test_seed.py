from __future__ import annotations

import math

import pytest
import torch

from mmwsol.models.losses import SeedLoss


def published(logits: torch.Tensor, guide: torch.Tensor, high: float, low: float) -> float:
    """The seed mask and the mean entropy, pixel by pixel."""
    terms = []
    for image, m in zip(logits.tolist(), guide.tolist()):
        pixels = [value for row in m[0] for value in row]
        cut = high if sum(value > high for value in pixels) >= 30 else 0.7 * max(pixels)
        for value, logit in zip(pixels, (value for row in image[0] for value in row)):
            mask = 255 if value <= cut else 1
            mask = 0 if value < low else mask
            if mask != 255:
                p = 1 / (1 + math.exp(-logit))
                terms.append(-math.log(p if mask == 1 else 1 - p))
    return sum(terms) / len(terms)


@pytest.mark.parametrize(('high', 'low'), [(0.7, 0.1), (0.5, 0.5), (0.99, 0.9), (0.9, 0.0)])
def test_equals_a_loop_over_pixels_also_with_few_seeds(high: float, low: float) -> None:
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 1, 9, 11, generator=draw, dtype=torch.float64)
    guide = torch.rand(3, 1, 9, 11, generator=draw, dtype=torch.float64)
    guide[1] *= 0.6  # no pixel above 0.7: its own peak decides
    loss = SeedLoss(high, low)(logits, guide)
    assert loss.item() == pytest.approx(published(logits, guide, high, low), rel=1e-12)


def test_background_overrides_foreground_where_the_peak_is_low() -> None:
    foreground, background = SeedLoss(0.8, 0.5).seeds(torch.full((1, 1, 4, 4), 0.3))
    assert background.all() and not foreground.any()


def test_no_seed_gives_zero_and_a_zero_gradient() -> None:
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    guide = torch.zeros(1, 1, 4, 4)
    loss = SeedLoss(0.5, 0.0)(logits, guide)
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_no_gradient_reaches_the_guide() -> None:
    guide = torch.rand(2, 1, 8, 8, requires_grad=True)
    logits = torch.zeros(2, 1, 8, 8, requires_grad=True)
    SeedLoss(0.6, 0.4)(logits, guide).backward()
    assert guide.grad is None and logits.grad.any()


def test_weight_multiplies() -> None:
    logits, guide = torch.randn(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    double = SeedLoss(0.6, 0.4, loss_weight=2.0)(logits, guide)
    torch.testing.assert_close(double, 2 * SeedLoss(0.6, 0.4)(logits, guide))


def test_low_above_high_is_refused() -> None:
    with pytest.raises(ValueError, match='0 <= low <= high <= 1, got high='):
        SeedLoss(0.1, 0.2)
