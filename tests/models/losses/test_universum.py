from __future__ import annotations

import pytest
import torch

from mmwsol.models.losses import UniversumLoss


def test_mean_is_over_all_masked_elements_of_the_batch() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]], [[[10.0, 0.0]], [[30.0, 0.0]]]])  # (2, 2, 1, 2)
    mask = torch.tensor([[[True, True]], [[True, False]]])
    assert UniversumLoss()(features, mask).item() == pytest.approx((1 + 2 + 3 + 4 + 10 + 30) / 6)
    assert UniversumLoss(loss_weight=0.5)(features, mask).item() == pytest.approx(50 / 12)


def test_gradient_is_the_same_for_every_masked_element() -> None:
    features = torch.rand(2, 3, 2, 2, requires_grad=True)
    mask = torch.tensor([[[True, False], [False, False]], [[True, True], [False, True]]])
    UniversumLoss()(features, mask).backward()
    torch.testing.assert_close(features.grad, (mask[:, None] / 12.0).expand_as(features))


def test_no_background_gives_zero_and_zero_gradients() -> None:
    features = torch.rand(2, 3, 2, 2, requires_grad=True)
    loss = UniversumLoss()(features, torch.zeros(2, 2, 2, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and (features.grad == 0).all()


def test_half_precision_is_widened() -> None:
    features = torch.rand(1, 64, 8, 8).bfloat16()
    mask = torch.ones(1, 8, 8, dtype=torch.bool)
    torch.testing.assert_close(UniversumLoss()(features, mask), features.float().mean())


def test_signed_features_shrink_in_magnitude_and_others_as_published() -> None:
    mask = torch.ones(1, 1, 2, dtype=torch.bool)
    assert UniversumLoss(signed=True)(torch.tensor([[[[-3.0, 1.0]]]]), mask).item() == 2.0
    features = torch.rand(1, 4, 1, 2)
    torch.testing.assert_close(UniversumLoss(signed=True)(features, mask), UniversumLoss()(features, mask))
