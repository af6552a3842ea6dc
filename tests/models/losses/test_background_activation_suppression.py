"""The ratio table of specs/bas.md 2.1: both releases, their constants and their gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmwsol.models.losses import BackgroundActivationSuppressionLoss as Loss

CVPR_CUB = dict(relu=False, replaced_value=0.0, replace_equal=True)
CVPR_ILSVRC = dict(relu=False, replaced_value=0.0, replace_equal=False)
EXTENSION_VGG = dict(relu=True, replaced_value=0.0, replace_equal=False)
EXTENSION = dict(relu=True, replaced_value=1.0, replace_equal=False)
RELEASES = [CVPR_CUB, CVPR_ILSVRC, EXTENSION_VGG, EXTENSION]


@pytest.mark.parametrize(
    ('release', 'expected'),
    zip(RELEASES, [[0.5, 0, 0], [0.5, 0, 1], [0.5, 0, 1], [0.5, 1, 1]]),
    ids=['cvpr cub', 'cvpr ilsvrc', 'extension vgg', 'extension'],
)
def test_ratio_below_above_and_at_one(release: dict, expected: list[float]) -> None:
    background, score = torch.tensor([1.0, 3.0, 2.0]), torch.tensor([2.0, 2.0, 2.0])
    assert Loss(**release).ratios(background, score).tolist() == expected


@pytest.mark.parametrize('release', RELEASES)
def test_two_zero_scores_give_zero_and_finite_gradients(release: dict) -> None:
    background = torch.zeros(2, requires_grad=True)
    ratios = Loss(**release).ratios(background, torch.zeros(2))
    assert ratios.tolist() == [0, 0]
    ratios.sum().backward()
    assert background.grad.isfinite().all()


def test_relu_comes_before_comparison_and_division() -> None:
    background, score = torch.tensor([-3.0, -1.0, 1.0]), torch.tensor([2.0, -2.0, -2.0])
    assert Loss(relu=True, replaced_value=1.0).ratios(background, score).tolist() == [0, 0, 1]


def test_batch_mean_counts_replaced_images() -> None:
    background, score = torch.tensor([1.0, 3.0]), torch.tensor([2.0, 2.0])
    assert Loss(replaced_value=0.0)(background, score).item() == 0.25
    assert Loss(replaced_value=1.0, loss_weight=2.0)(background, score).item() == 1.5


def gradient(loss: Loss, background: list[float], score: list[float]) -> Tensor:
    leaf = torch.tensor(background, requires_grad=True)
    loss(leaf, torch.tensor(score)).backward()
    return leaf.grad


def test_replaced_images_give_no_gradient_and_the_others_one_over_score() -> None:
    assert gradient(Loss(), [1.0, 3.0], [2.0, 2.0]).tolist() == [0.25, 0]  # mean of two


def test_constant_moves_the_number_only() -> None:
    scores = [0.5, 1.0, 3.0], [1.0, 2.0, 1.0]
    zero, one = (gradient(Loss(replaced_value=value), *scores) for value in (0.0, 1.0))
    assert torch.equal(zero, one)


def test_score_of_the_whole_image_gets_no_gradient() -> None:
    score = torch.tensor([2.0], requires_grad=True)
    loss = Loss()(torch.tensor([1.0], requires_grad=True), score)
    loss.backward()
    assert score.grad is None


def test_half_precision_scores_are_divided_in_float32() -> None:
    half = torch.zeros(1, dtype=torch.float16)  # 1e-8 would vanish: 0 / 0
    ratios = Loss().ratios(half, half)
    assert ratios.dtype == torch.float32 and ratios.item() == 0
