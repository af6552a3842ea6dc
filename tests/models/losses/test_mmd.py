from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmwsol.models.losses import MMDLoss

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)


def draw(seed: int = 0, batch: int = 3, n: int = 6, channels: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.randn(2, batch, n, channels, generator=generator, dtype=torch.float64)
    return source, 0.5 * target + 1


def published_mmd(source: Tensor, target: Tensor, estimator: str) -> Tensor:
    """One image, pair by pair."""
    both, n = [*source, *target], len(source)
    squares = [[(a - b).square().sum() for b in both] for a in both]
    width = sum(float(square.detach()) for row in squares for square in row) / (4 * n * n - 2 * n)

    def kernel(i: int, j: int) -> Tensor:
        return sum((-squares[i][j] / (width * m)).exp() for m in SCALES)

    total = torch.zeros((), dtype=source.dtype)
    pairs = (
        [(i, (i + 1) % n) for i in range(n)]
        if estimator == 'linear'
        else [(i, j) for i in range(n) for j in range(n)]
    )
    for i, j in pairs:
        total = total + kernel(i, j) + kernel(n + i, n + j) - kernel(i, n + j) - kernel(j, n + i)
    return total / len(pairs)


@pytest.mark.parametrize('estimator', ['linear', 'full'])
def test_value_and_gradients_equal_a_double_loop(estimator: str) -> None:
    ours = [part.requires_grad_() for part in draw()]
    theirs = [part.detach().clone().requires_grad_() for part in ours]
    loss = MMDLoss(estimator)(*ours)
    expected = torch.stack([published_mmd(s, t, estimator) for s, t in zip(*theirs)]).mean()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    for a, b in zip(torch.autograd.grad(loss, ours), torch.autograd.grad(expected, theirs)):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize('estimator', ['linear', 'full'])
def test_equal_sets_have_no_discrepancy(estimator: str) -> None:
    source, _ = draw()
    assert MMDLoss(estimator)(source, source.clone()).item() == pytest.approx(0, abs=1e-15)


def test_linear_estimate_of_equal_sets_in_another_order_may_be_negative() -> None:
    """The published estimator pairs by position: its value depends on the order, the full one's does not."""
    source, _ = draw()
    other = source.roll(1, 1)
    assert MMDLoss('full')(source, other).item() == pytest.approx(0, abs=1e-15)
    assert MMDLoss('linear')(source, other).item() < -1


def test_two_far_points_by_hand() -> None:
    source, target = torch.zeros(1, 2, 1), torch.ones(1, 2, 1)
    width = 2 * 4 / 12  # four pairs of distance 1 in both directions, twelve pairs
    across = sum(math.exp(-1 / (width * m)) for m in SCALES)
    assert MMDLoss()(source, target).item() == pytest.approx(2 * (5 - across), rel=1e-6)


def test_bandwidth_gives_no_gradient_so_that_scaling_both_sets_changes_the_loss_gradient_only() -> None:
    source, target = (part.requires_grad_() for part in draw())
    assert MMDLoss()(source, target).item() == pytest.approx(MMDLoss()(3 * source, 3 * target).item())
    (gradient,) = torch.autograd.grad(MMDLoss()(source, target), source)
    assert (
        gradient * source
    ).sum().abs() > 1e-3  # 0 if the bandwidth had one: the value does not know the scale


def test_rejected_images_change_nothing() -> None:
    source, target = draw()
    accepted = torch.tensor([True, False, True])
    spoiled = source.clone()
    spoiled[1] = 1e6
    expected = MMDLoss()(source[accepted], target[accepted])
    torch.testing.assert_close(MMDLoss()(spoiled, target, accepted), expected)


def test_no_accepted_image_and_equal_samples_give_zero_and_finite_gradients() -> None:
    source = torch.ones(2, 4, 3, requires_grad=True)
    for accepted in (None, torch.zeros(2, dtype=torch.bool)):
        loss = MMDLoss()(source, source.detach(), accepted)
        (gradient,) = torch.autograd.grad(loss, source)
        assert loss == 0 and (gradient == 0).all()


def test_half_precision_is_widened_under_autocast() -> None:
    source, target = (part.bfloat16() for part in draw())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = MMDLoss()(source, target)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, MMDLoss()(source.float(), target.float()))


def test_weight_multiplies() -> None:
    torch.testing.assert_close(MMDLoss(loss_weight=0.3)(*draw()), 0.3 * MMDLoss()(*draw()))


def test_wrong_estimator_and_unequal_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="'linear' or 'full', got 'u'"):
        MMDLoss('u')
    with pytest.raises(ValueError, match=r'one shape .* got \(1, 3, 2\) and \(1, 4, 2\)'):
        MMDLoss()(torch.zeros(1, 3, 2), torch.zeros(1, 4, 2))
