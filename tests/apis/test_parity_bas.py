from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mmwsol.apis.parity import check_fixture
from mmwsol.apis.parity_bas import golden_images, golden_weights, shipped_config

CVPR = ['bas_vgg16_cub', 'bas_mobilenetv1_cub', 'bas_resnet50_cub', 'bas_inceptionv3_cub']
EXTENSION = ['basext_mobilenetv1_cub', 'basext_resnet50_cub', 'basext_vgg16_cub']
QUICK = ('bas_vgg16_cub', 'basext_mobilenetv1_cub')
ALL = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CVPR + EXTENSION]


@pytest.fixture
def two_threads() -> Iterator[None]:
    """With two threads every forward value equals the recorded one bit for bit.

    One thread sums in another order, and batch norm over two images amplifies that: three quantities of the seven
    files then leave their tolerances, by up to 2.2 times.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures('two_threads')
@pytest.mark.parametrize('name', ALL)
def test_every_quantity_equals_the_golden_run(shared_dir: Path, name: str) -> None:
    comparisons = list(check_fixture(shared_dir / 'golden' / f'{name}.npz'))
    names = {comparison.name for comparison in comparisons}
    assert not [str(comparison) for comparison in comparisons if not comparison.ok]
    assert {'train_logits', 'loss_total', 'gradient norms', 'parameter step norms', 'eval_map_top1'} <= names
    assert {'optimizer groups', 'eval_box_top200, stored map'} <= names


@pytest.mark.parametrize('name', CVPR + EXTENSION)
def test_fixture_chooses_the_config_of_its_backbone_and_release(golden: Callable, name: str) -> None:
    release, backbone, dataset = name.split('_')
    suffix = '_cvpr' if release == 'bas' else ''
    assert Path(shipped_config(golden(name)).filename).stem == f'bas_{backbone}_{dataset}{suffix}'


def test_weights_depend_on_seed_and_sorted_names_only() -> None:
    names, shapes = ['b.weight', 'a.bias'], np.array([[2, 3, 1, 1], [4, 0, 0, 0]])
    first = golden_weights(names, shapes, 5, 1.0, 1.0)
    turned = golden_weights(names[::-1], shapes[::-1], 5, 1.0, 1.0)
    assert first['b.weight'].shape == (2, 3, 1, 1) and first['a.bias'].shape == (4,)
    assert all(np.array_equal(first[name], turned[name]) for name in names)
    assert not np.array_equal(first['a.bias'], golden_weights(names, shapes, 6, 1.0, 1.0)['a.bias'])


def test_images_are_blocks_with_noise() -> None:
    images = golden_images(3, np.array([2, 3, 32, 48]))
    assert images.shape == (2, 3, 32, 48)
    blocks = images.unflatten(2, (2, 16)).unflatten(4, (3, 16)).std((3, 5))
    assert (blocks < 0.8).all() and images.std() > 0.8


def test_changed_golden_value_is_noticed(shared_dir: Path, tmp_path: Path) -> None:
    """A wrong number in a fixture fails: here the input checksum, which is compared before any network runs."""
    with np.load(shared_dir / 'golden' / 'bas_mobilenetv1_cub.npz') as fixture:
        arrays = dict(fixture)
    arrays['input_check'] = arrays['input_check'] + 1
    np.savez(tmp_path / 'changed.npz', **arrays)
    comparisons = check_fixture(tmp_path / 'changed.npz')
    assert next(comparisons).ok and not next(comparisons).ok
