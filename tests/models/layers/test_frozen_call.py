from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from mmwsol.models.layers import frozen_call


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1)
    return nn.Sequential(*layers).double()


@pytest.fixture
def inputs() -> Tensor:
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x.requires_grad_()


@pytest.mark.parametrize('training', [True, False])
def test_value_and_input_gradient_equal_a_deep_copys(
    network: nn.Module, inputs: Tensor, training: bool
) -> None:
    twin = copy.deepcopy(network).train(training)
    ours, expected = frozen_call(network.train(training), inputs), twin(inputs)
    torch.testing.assert_close(ours, expected, rtol=0, atol=0)
    cotangent = torch.arange(ours.numel(), dtype=torch.float64).view_as(ours)
    gradients = [torch.autograd.grad(y, inputs, cotangent, retain_graph=True)[0] for y in (ours, expected)]
    torch.testing.assert_close(*gradients, rtol=0, atol=0)
    assert gradients[0].any()


def test_no_gradient_reaches_parameters(network: nn.Module, inputs: Tensor) -> None:
    frozen_call(network, inputs).sum().backward()
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_running_buffers_stay_untouched_in_training_mode(network: nn.Module, inputs: Tensor) -> None:
    before = {name: value.clone() for name, value in network.named_buffers()}
    frozen_call(network.train(), inputs)
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())


def test_batch_norm_in_training_mode_uses_statistics_of_what_it_is_given() -> None:
    norm = nn.BatchNorm1d(1).train()
    norm.running_mean.fill_(100.0)
    out = frozen_call(norm, torch.tensor([[1.0], [3.0]]))
    torch.testing.assert_close(out.flatten(), torch.tensor([-1.0, 1.0]), rtol=1e-5, atol=0)


def test_prefixes_freeze_only_the_named_submodules(network: nn.Module, inputs: Tensor) -> None:
    frozen_call(network, inputs, prefixes=('1.', '3.')).sum().backward()
    touched = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert touched == {'0.weight', '0.bias'}


def test_keyword_arguments_reach_the_module() -> None:
    class Scale(nn.Module):
        def forward(self, x: Tensor, by: float = 1.0) -> Tensor:
            return x * by

    assert frozen_call(Scale(), torch.tensor(2.0), by=3.0).item() == 6
