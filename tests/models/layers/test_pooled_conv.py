from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmwsol.models.layers import pooled_conv2d


@pytest.mark.parametrize('size', [1, 3, 5])
@pytest.mark.parametrize('shape', [(9, 7), (1, 4), (2, 2)])
def test_equals_the_mean_of_the_convolution_with_its_gradients(size: int, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, *shape, dtype=torch.double, requires_grad=True)
    weight = torch.randn(4, 5, size, size, dtype=torch.double, requires_grad=True)
    bias = torch.randn(4, dtype=torch.double, requires_grad=True)
    probe = torch.randn(2, 4, dtype=torch.double)
    ours = pooled_conv2d(x, weight, bias)
    theirs = F.conv2d(x, weight, bias, padding=size // 2).mean((2, 3))
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(
        torch.autograd.grad((ours * probe).sum(), (x, weight, bias)),
        torch.autograd.grad((theirs * probe).sum(), (x, weight, bias)),
    ):
        torch.testing.assert_close(mine, other)


def test_bias_may_be_missing() -> None:
    x, weight = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 1, 1)
    assert pooled_conv2d(x, weight).item() == 1.0
