from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from mmwsol.models.layers import linear_of


def gradients(loss: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, tensors)


@pytest.mark.parametrize('autocast', [False, True])
def test_values_and_gradients_do_not_change(autocast: bool) -> None:
    torch.manual_seed(0)
    norm, linear = nn.LayerNorm(6), nn.Linear(6, 4)
    x = torch.randn(2, 5, 6, requires_grad=True)
    inputs = (x, linear.weight, linear.bias, norm.weight)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        ours, theirs = linear_of(linear, norm, x), linear(norm(x))
    assert torch.equal(ours, theirs)
    for mine, other in zip(
        gradients(ours.square().sum(), *inputs), gradients(theirs.square().sum(), *inputs)
    ):
        assert torch.equal(mine, other)


def test_the_linear_layers_input_is_not_kept() -> None:
    linear, x = nn.Linear(6, 4), torch.randn(3, 6, requires_grad=True)
    kept: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.data_ptr())
        return tensor

    made: list[Tensor] = []

    def function(value: Tensor) -> Tensor:
        made.append(nn.functional.gelu(value))
        return made[-1]

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        out = linear_of(linear, function, x)
    assert x.data_ptr() in kept and made[0].data_ptr() not in kept
    out.sum().backward()
    assert len(made) == 2


def test_without_gradients_it_is_the_plain_composition() -> None:
    linear, x = nn.Linear(6, 4), torch.randn(3, 6)
    with torch.no_grad():
        assert torch.equal(linear_of(linear, torch.relu, x), linear(x.relu()))
