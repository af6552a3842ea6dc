from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from mmengine.config import Config
from torch import Tensor

from mmwsol.apis.official_checkpoints import CONVERTERS
from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.apis.wsolevaluation_checkpoints import convert_wsolevaluation, rename_wsolevaluation_key
from mmwsol.registry import MODELS

ARCHITECTURES = ('vgg16', 'inception_v3', 'resnet50')


def state(names: list[str]) -> dict[str, Tensor]:
    return {name: torch.tensor([float(i)]) for i, name in enumerate(names)}


@pytest.mark.parametrize('arch', ARCHITECTURES)
@pytest.mark.parametrize('method', ['cam', 'acol', 'spg', 'adl'])
def test_official_names_and_shapes_fill_the_shipped_model_exactly(
    golden: Callable, arch: str, method: str
) -> None:
    arrays, prefix = golden('wsol_models'), f'{arch}_{method}_lfm0'
    cfg = Config.fromfile(find_config(f'{method}/{method}_{arch.replace("_", "")}_cub.py')).model
    drop_pretrained_weights(cfg)
    cfg.head.num_classes = int(arrays['num_classes'])
    with torch.device('meta'):
        model = MODELS.build(cfg)
    shapes = [tuple(map(int, re.findall(r'\d+', text))) for text in arrays[f'{prefix}_state_shapes']]
    names = arrays[f'{prefix}_state_names'].tolist()
    official = {f'module.{k}': torch.empty(shape, device='meta') for k, shape in zip(names, shapes)}
    converted = CONVERTERS[method](dict(state_dict=official, epoch=3))
    assert {key: tuple(value.shape) for key, value in converted.items()} == {
        key: tuple(value.shape) for key, value in model.state_dict().items()
    }


def test_vgg_positions_are_torchvisions_whatever_stands_between() -> None:
    positions = [0, 2, 5, 7, 10, 12, 14, 18, 20, 22, 26, 28, 30]  # with ADL
    official = state([f'features.{i}.weight' for i in positions] + ['conv6.weight', 'fc.weight'])
    keys = list(convert_wsolevaluation(official, 'adl'))
    assert keys[7:10] == [f'backbone.features.{i}.weight' for i in (17, 19, 21)]
    assert keys[12:] == ['backbone.features.28.weight', 'head.hidden.0.weight', 'head.fc.weight']


@pytest.mark.parametrize(
    ('official', 'method', 'ours'),
    [
        ('layer3.0.conv1.weight', 'adl', 'backbone.layer3.0.conv1.weight'),
        ('layer3.2.bn1.bias', 'adl', 'backbone.layer3.1.bn1.bias'),
        ('layer4.3.conv3.weight', 'adl', 'backbone.layer4.2.conv3.weight'),
        ('layer4.2.conv3.weight', 'cam', 'backbone.layer4.2.conv3.weight'),
        ('SPG_A1.0.downsample.0.weight', 'spg', 'backbone.layer3.0.downsample.0.weight'),
        ('SPG_A2.4.bn3.running_var', 'spg', 'backbone.layer3.5.bn3.running_var'),
        ('SPG_A_1.4.bias', 'spg', 'backbone.features.21.bias'),
        ('SPG_A_3.2.bias', 'spg', 'head.hidden.2.bias'),
        ('SPG_A3_2b.0.weight', 'cam', 'head.hidden.4.weight'),
        ('SPG_A3_2b.0.weight', 'adl', 'head.hidden.2.weight'),
        ('SPG_B_shared.2.bias', 'spg', 'head.shared_b.2.bias'),
        ('classifier_B.4.bias', 'acol', 'head.classifier_b.4.bias'),
    ],
)
def test_names_of_layers(official: str, method: str, ours: str) -> None:
    assert rename_wsolevaluation_key(official, method) == ours


@pytest.mark.parametrize('method', ['has', 'cutmix'])
def test_has_and_cutmix_are_converted_as_cam(method: str) -> None:
    official = state(['layer4.2.conv3.weight', 'fc.weight', 'fc.bias'])
    assert CONVERTERS[method](official) == convert_wsolevaluation(official, 'cam')


@pytest.mark.parametrize('method', ['cam', 'acol', 'spg', 'adl', 'has', 'cutmix'])
def test_checkpoints_of_another_network_are_refused_with_their_keys(method: str) -> None:
    with pytest.raises(ValueError, match=r'no entry becomes head\.[a-z_.24]+weight; its keys start with'):
        CONVERTERS[method](state(['layer1.0.conv1.weight']))


def test_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match=r"method must be one of .*, got 'has'"):
        convert_wsolevaluation({}, 'has')
