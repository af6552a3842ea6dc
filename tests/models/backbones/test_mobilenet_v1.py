from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mmwsol.models.backbones import MobileNetV1


def test_shapes_of_bas_form(stage_shapes: Callable) -> None:
    expected = [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 28, 28), (1024, 14, 14)]
    assert stage_shapes(MobileNetV1) == expected


def test_shapes_of_the_classification_network(stage_shapes: Callable) -> None:
    shapes = stage_shapes(lambda: MobileNetV1(strides=(2, 2, 2, 2, 2)))
    assert shapes[3:] == [(512, 14, 14), (1024, 7, 7)]


def test_other_input_sizes(stage_shapes: Callable) -> None:
    assert stage_shapes(MobileNetV1, 96, 80)[3:] == [(512, 12, 10), (1024, 6, 5)]


def test_every_stage_can_be_entered(assert_enterable: Callable) -> None:
    assert_enterable(MobileNetV1())


def test_fourteen_units_with_plain_relu_and_no_convolution_bias() -> None:
    modules = list(MobileNetV1().modules())
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 27 and all(conv.bias is None for conv in convolutions)
    assert not any(isinstance(m, nn.ReLU6) for m in modules)
    assert sum(isinstance(m, nn.ReLU) for m in modules) == 27


def test_parameter_names_are_those_of_the_common_port() -> None:
    names = set(MobileNetV1().state_dict())
    assert {'model.0.0.weight', 'model.13.0.weight', 'model.13.3.weight', 'model.13.4.running_var'} <= names


@pytest.mark.parametrize(('classes', 'millions'), [(200, (23.21, 20.68)), (1000, (27.72, None))])
def test_parameter_counts_with_bas_head(parameter_counts: Callable, classes: int, millions: tuple) -> None:
    counts = parameter_counts(MobileNetV1, 4, 512, 1024, classes)
    assert all(want is None or round(n / 1e6, 2) == want for n, want in zip(counts, millions))


@pytest.mark.parametrize('strides', [(2, 2, 2, 1), (2, 2, 2, 1, 4)])
def test_wrong_strides_are_refused(strides: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match='MobileNetV1 takes five strides'):
        MobileNetV1(strides=strides)


@torch.no_grad()
def test_tensorflow_form_pads_strided_layers_at_the_end_and_cuts_at_six() -> None:
    torch.manual_seed(0)
    plain, ours = MobileNetV1((2, 2, 2, 2, 2)).eval(), MobileNetV1((2, 2, 2, 2, 2), tensorflow=True).eval()
    ours.load_state_dict(plain.state_dict())
    for unit in plain.model:
        for position, layer in enumerate(unit):
            if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2):
                layer.padding = (0, 0)
                unit[position] = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), layer)
            elif isinstance(layer, nn.ReLU):
                unit[position] = nn.Hardtanh(0, 6)
    images = 50 * torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(ours(images), plain(images))
    assert not any(type(layer) is nn.ReLU for layer in ours.modules())
