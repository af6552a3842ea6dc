from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision

from mmwsol.models.backbones import VGG16


def test_shapes_of_the_usual_form(stage_shapes: Callable) -> None:
    expected = [(64, 224, 224), (128, 112, 112), (256, 56, 56), (512, 28, 28), (512, 14, 14)]
    assert stage_shapes(VGG16) == expected


def test_large_feature_map_leaves_the_fourth_pool_out(stage_shapes: Callable) -> None:
    assert stage_shapes(lambda: VGG16(strides=(1, 2, 2, 2, 1)))[3:] == [(512, 28, 28), (512, 28, 28)]


def test_other_input_sizes(stage_shapes: Callable) -> None:
    assert stage_shapes(VGG16, 96, 80)[-1] == (512, 6, 5)


@torch.no_grad()
def test_equals_torchvision_without_the_last_pool() -> None:
    theirs = torchvision.models.vgg16(weights=None, init_weights=False)
    ours = VGG16()
    ours.load_state_dict(theirs.state_dict(), strict=False)
    images = torch.randn(1, 3, 32, 32)
    assert torch.equal(ours(images)[-1], theirs.features[:-1](images))


def test_every_stage_can_be_entered(assert_enterable: Callable) -> None:
    assert_enterable(VGG16())


@pytest.mark.parametrize(('classes', 'millions'), [(200, (30.00, 21.44)), (1000, (34.51, None))])
def test_parameter_counts_with_bas_head(parameter_counts: Callable, classes: int, millions: tuple) -> None:
    counts = parameter_counts(VGG16, 4, 512, 512, classes)
    assert all(want is None or round(n / 1e6, 2) == want for n, want in zip(counts, millions))


@pytest.mark.parametrize('strides', [(2, 2, 2, 2, 2), (1, 2, 2, 2), (1, 2, 2, 2, 3)])
def test_wrong_strides_are_refused(strides: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match='VGG16 takes five strides'):
        VGG16(strides=strides)
