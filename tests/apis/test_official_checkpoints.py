from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from mmengine.config import Config
from torch import Tensor

from mmwsol.apis.official_checkpoints import convert_bas, rename_bas_key
from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.registry import MODELS

FIXTURES = {
    'bas_vgg16_cub': 'vgg16',
    'bas_resnet50_cub': 'resnet50',
    'bas_mobilenetv1_cub': 'mobilenetv1',
    'bas_inceptionv3_cub': 'inceptionv3',
    'basext_vgg16_cub': 'vgg16',
    'basext_resnet50_cub': 'resnet50',
    'basext_mobilenetv1_cub': 'mobilenetv1',
}
OFFICIAL = ['model.0.0.weight', 'classifier_cls.4.weight', 'classifier_cls.4.bias', 'classifier_loc.0.weight']
OURS = [
    'backbone.model.0.0.weight',
    'head.classifier.4.weight',
    'head.classifier.4.bias',
    'head.generator.weight',
]


def state(names: list[str]) -> dict[str, Tensor]:
    return {name: torch.tensor([float(i)]) for i, name in enumerate(names)}


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('wrapped', [False, True])
def test_names_are_changed_and_values_kept(prefix: str, wrapped: bool) -> None:
    official = state([prefix + name for name in OFFICIAL])
    content = dict(model=official, best_thr=0.1, epoch=7) if wrapped else official
    converted = convert_bas(content)
    assert list(converted) == OURS
    assert [value.item() for value in converted.values()] == [0, 1, 2, 3]


def test_classifier_without_suffix_is_the_same_part() -> None:
    assert (
        rename_bas_key('classifier.2.bias')
        == rename_bas_key('classifier_cls.2.bias')
        == 'head.classifier.2.bias'
    )


def test_frozen_copies_of_the_cvpr_release_are_dropped() -> None:
    copies = ['classifier_cls_copy.4.weight', 'erase_branch.0.weight', 'layer4_copy.0.conv1.weight']
    official = state([f'module.{name}' for name in OFFICIAL + copies])
    assert list(convert_bas(official)) == OURS


def test_vgg_convolutions_get_torchvisions_numbers() -> None:
    assert rename_bas_key('conv1_1.weight') == 'backbone.features.0.weight'
    assert rename_bas_key('conv3_3.bias') == 'backbone.features.14.bias'
    assert rename_bas_key('conv5_3.weight') == 'backbone.features.28.weight'


def test_other_checkpoints_are_refused_with_their_keys() -> None:
    with pytest.raises(ValueError, match=r"not a BAS checkpoint.*\['backbone.fc.weight'\]"):
        convert_bas(state(['fc.weight']))


@pytest.mark.parametrize('fixture', FIXTURES)
def test_official_names_and_shapes_fill_the_shipped_model_exactly(golden: Callable, fixture: str) -> None:
    arrays = golden(fixture)
    cfg = Config.fromfile(find_config(f'bas/bas_{FIXTURES[fixture]}_cub.py'))
    drop_pretrained_weights(cfg.model)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    shapes = [tuple(v for v in row if v > 0) for row in arrays['state_shapes'].tolist()]
    official = {
        k: torch.empty(shape, device='meta') for k, shape in zip(arrays['state_keys'].tolist(), shapes)
    }
    converted = {key: tuple(value.shape) for key, value in convert_bas(official).items()}
    own = model.state_dict()
    expected = {k: tuple(v.shape) for k, v in own.items() if not k.endswith('num_batches_tracked')}
    assert converted == expected
