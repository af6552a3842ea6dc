from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision

from mmwsol.models.backbones import ResNet


def bas_form() -> ResNet:
    return ResNet(50, strides=(1, 2, 1, 1), last_pool=True)


@pytest.mark.parametrize(
    ('build', 'expected'),
    [
        (bas_form, [(256, 56, 56), (512, 28, 28), (1024, 28, 28), (2048, 14, 14)]),
        (ResNet, [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 14, 14)]),
        (
            lambda: ResNet(50, strides=(1, 2, 1, 1)),
            [(256, 56, 56), (512, 28, 28), (1024, 28, 28), (2048, 28, 28)],
        ),
        (lambda: ResNet(18, (1, 2, 2, 2)), [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]),
    ],
    ids=['bas', 'wsolevaluation', 'wsolevaluation large map', 'classification'],
)
def test_shapes(stage_shapes: Callable, build: Callable, expected: list) -> None:
    assert stage_shapes(build) == expected


def test_other_input_sizes(stage_shapes: Callable) -> None:
    assert stage_shapes(bas_form, 96, 80)[-2:] == [(1024, 12, 10), (2048, 6, 5)]


@torch.no_grad()
def test_undropped_strides_equal_torchvision() -> None:
    theirs = torchvision.models.resnet18(weights=None).eval()
    ours = ResNet(18, strides=(1, 2, 2, 2)).eval()
    ours.load_state_dict(theirs.state_dict(), strict=False)
    theirs.avgpool = theirs.fc = torch.nn.Identity()
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(ours(images)[-1].flatten(1), theirs(images))


def test_dropped_stride_keeps_the_projection_and_adds_no_dilation() -> None:
    block = ResNet(50, strides=(1, 2, 1, 1)).layer3[0]
    assert block.conv2.stride == (1, 1) and block.conv2.dilation == (1, 1)
    assert block.downsample[0].stride == (1, 1) and block.downsample[0].kernel_size == (1, 1)


def test_every_stage_can_be_entered(assert_enterable: Callable) -> None:
    assert_enterable(ResNet(18, strides=(1, 2, 1, 1), last_pool=True))


@pytest.mark.parametrize(('classes', 'millions'), [(200, (53.87, 43.48)), (1000, (62.06, None))])
def test_parameter_counts_with_bas_head(parameter_counts: Callable, classes: int, millions: tuple) -> None:
    counts = parameter_counts(bas_form, 3, 1024, 2048, classes)
    assert all(want is None or round(n / 1e6, 2) == want for n, want in zip(counts, millions))


def test_wrong_depth_and_strides_are_refused() -> None:
    with pytest.raises(ValueError, match='18, 34, 50, 101 or 152, got 20'):
        ResNet(20)
    with pytest.raises(ValueError, match='ResNet takes four strides'):
        ResNet(18, strides=(2, 2, 2, 2))
