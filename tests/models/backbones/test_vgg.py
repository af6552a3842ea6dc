from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

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


def test_padded_pools_of_three_keep_the_shapes(stage_shapes: Callable) -> None:
    sizes = dict(pool_sizes=(3, 3, 3, 3), last_pool=True)
    assert stage_shapes(lambda: VGG16(**sizes)) == stage_shapes(VGG16)
    large = (1, 2, 2, 2, 1)
    assert stage_shapes(lambda: VGG16(strides=large, **sizes)) == stage_shapes(lambda: VGG16(strides=large))


def test_pool_of_three_stays_where_its_stride_is_dropped_and_one_of_two_goes() -> None:
    large = (1, 2, 2, 2, 1)
    assert isinstance(VGG16(strides=large).features[23], nn.Identity)
    pool = VGG16(strides=large, pool_sizes=(2, 2, 2, 3)).features[23]
    assert (pool.kernel_size, pool.stride, pool.padding) == (3, 1, 1)


def test_last_pool_is_the_maximum_over_neighbours() -> None:
    plain, pooled = VGG16(), VGG16(last_pool=True)
    pooled.load_state_dict(plain.state_dict())
    images = torch.randn(1, 3, 48, 48)
    expected = torch.nn.functional.max_pool2d(plain(images)[-1], 3, 1, 1)
    assert torch.equal(pooled(images)[-1], expected)


@pytest.mark.parametrize('sizes', [(2, 2, 2), (2, 2, 2, 4)])
def test_wrong_pool_sizes_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match='four pool_sizes, each 2 or 3'):
        VGG16(pool_sizes=sizes)
