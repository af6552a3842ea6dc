from __future__ import annotations

import torch

from mmwsol.models.losses.accepted_mean import accepted_mean

VALUES = torch.tensor([1.0, 2.0, 6.0])


def test_mean_is_over_the_accepted_values() -> None:
    assert accepted_mean(VALUES) == 3
    assert accepted_mean(VALUES, torch.tensor([True, False, True])) == 3.5


def test_nothing_accepted_gives_zero_and_zero_gradients() -> None:
    values = VALUES.clone().requires_grad_()
    mean = accepted_mean(values, torch.zeros(3, dtype=torch.bool))
    mean.backward()
    assert mean == 0 and values.grad.tolist() == [0, 0, 0]
