from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsol.models.losses import DomainAdversarialLoss, domain_adversarial


@pytest.fixture
def sets() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.rand(3, 4, 5, requires_grad=True), torch.rand(3, 4, 5, requires_grad=True)


@pytest.fixture
def halfway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain_adversarial, 'training_progress', lambda: 0.5)


def test_value_is_the_mean_of_both_entropies_of_the_accepted_images(sets: tuple[Tensor, Tensor]) -> None:
    loss = DomainAdversarialLoss(5)
    accepted = torch.tensor([True, False, True])
    rows = [part[accepted].reshape(-1, 5) for part in sets]
    weight, bias = loss.classifier.weight.flatten(1), loss.classifier.bias
    source, target = (torch.sigmoid(F.linear(part, weight, bias)) for part in rows)
    expected = -(source.log().mean() + (1 - target).log().mean()) / 2
    torch.testing.assert_close(loss(*sets, accepted), expected)


def test_features_get_the_reversed_gradient_and_the_classifier_its_own(
    sets: tuple[Tensor, Tensor], halfway: None
) -> None:
    loss = DomainAdversarialLoss(5)
    ours = torch.autograd.grad(loss(*sets), [*sets, *loss.parameters()])
    logits = [loss.classifier(part.mT[..., None]) for part in sets]
    plain = sum(
        F.binary_cross_entropy_with_logits(x, torch.full_like(x, y)) for x, y in zip(logits, (1.0, 0.0))
    )
    theirs = torch.autograd.grad(plain / 2, [*sets, *loss.parameters()])
    strength = 2 / (1 + math.exp(-0.5)) - 1
    for a, b in zip(ours[:2], theirs[:2]):
        torch.testing.assert_close(a, -strength * b)
    for a, b in zip(ours[2:], theirs[2:]):
        torch.testing.assert_close(a, b)


def test_reversal_grows_from_0_to_less_than_a_half_as_published_and_near_1_with_steepness_10() -> None:
    strength = domain_adversarial.reversal_strength
    assert strength(0.0) == 0
    assert strength(1.0) == pytest.approx(0.462, abs=1e-3)
    assert strength(1.0, steepness=10) == pytest.approx(1, abs=1e-4)


def test_no_accepted_image_gives_zero_and_zero_gradients(sets: tuple[Tensor, Tensor], halfway: None) -> None:
    loss = DomainAdversarialLoss(5)
    value = loss(*sets, torch.zeros(3, dtype=torch.bool))
    value.backward()
    assert value == 0 and all((part.grad == 0).all() for part in (*sets, *loss.parameters()))
