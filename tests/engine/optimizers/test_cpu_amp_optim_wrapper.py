from __future__ import annotations

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmwsol.engine.optimizers import CpuAmpOptimWrapper
from mmwsol.registry import OPTIM_WRAPPERS


class Recorder(nn.Linear):
    """Remembers the type in which it computed."""

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        self.computed = out.dtype
        return out


def step(wrapper_type: type, steps: int = 1) -> Recorder:
    torch.manual_seed(0)
    model = Recorder(8, 1)
    wrapper = wrapper_type(optimizer=torch.optim.SGD(model.parameters(), lr=0.05))
    x = torch.randn(16, 8)
    y = x.sum(1, keepdim=True)
    for _ in range(steps):
        with wrapper.optim_context(model):
            loss = (model(x).float() - y).square().mean()
        wrapper.update_params(loss)
    model.loss = loss.item()
    return model


def test_forward_runs_in_bfloat16_and_parameters_stay_float32() -> None:
    model = step(CpuAmpOptimWrapper)
    assert model.computed == torch.bfloat16
    assert model.weight.dtype == torch.float32


def test_step_is_that_of_full_precision_up_to_rounding() -> None:
    mixed, full = step(CpuAmpOptimWrapper), step(OptimWrapper)
    assert not torch.equal(mixed.weight, full.weight)
    torch.testing.assert_close(mixed.weight, full.weight, rtol=0.02, atol=0.005)


def test_training_converges() -> None:
    assert step(CpuAmpOptimWrapper, steps=150).loss < 0.05


def test_autocast_ends_with_the_context() -> None:
    step(CpuAmpOptimWrapper)
    assert not torch.is_autocast_enabled('cpu')


def test_it_is_registered_under_its_name() -> None:
    assert OPTIM_WRAPPERS.get('CpuAmpOptimWrapper') is CpuAmpOptimWrapper
