from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmwsol.models.layers import class_conv2d

FEW, MANY = [[4, 0], [9, 2]], [[4, 0, 1, 7, 9], [9, 2, 3, 5, 8]]
REPEATED = [[6, 6, 6], [1, 6, 1]]


@pytest.mark.parametrize('labels', [FEW, MANY, REPEATED], ids=['few', 'many', 'repeated'])
@pytest.mark.parametrize('size', [1, 3, 5])
@pytest.mark.parametrize('with_bias', [True, False])
def test_values_and_gradients_equal_full_convolution_and_gather(
    labels: list[list[int]], size: int, with_bias: bool
) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 4, 5, 7), (10, 4, size, size)] + [(10,)] * with_bias
    inputs = [
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes
    ]
    x, weight, bias = inputs if with_bias else (*inputs, None)
    index = torch.tensor(labels)

    ours = class_conv2d(x, weight, bias, index)
    full = F.conv2d(x, weight, bias, padding=size // 2)
    expected = torch.stack([full[n, row] for n, row in enumerate(labels)])
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)

    cotangent = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    gradients = torch.autograd.grad(ours, inputs, cotangent)
    for gradient, wanted in zip(gradients, torch.autograd.grad(expected, inputs, cotangent)):
        torch.testing.assert_close(gradient, wanted, rtol=1e-12, atol=1e-12)


def test_only_rows_of_wanted_classes_get_a_gradient() -> None:
    weight = torch.randn(8, 3, 3, 3, requires_grad=True)
    class_conv2d(torch.randn(2, 3, 4, 4), weight, None, torch.tensor([[2], [5]])).sum().backward()
    assert weight.grad.flatten(1).any(1).nonzero().flatten().tolist() == [2, 5]


def test_one_pixel_map_sees_only_the_centre_tap() -> None:
    x, weight = torch.tensor([[[[2.0]]]]), torch.arange(36.0).view(4, 1, 3, 3)
    assert class_conv2d(x, weight, None, torch.tensor([[3]])).item() == 2 * (27 + 4)
