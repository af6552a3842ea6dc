from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import Tensor

from mmwsol.apis.official_checkpoints import (
    convert_bas,
    convert_dawsol,
    convert_sat,
    convert_tscam,
    rename_bas_key,
    rename_conformer_key,
)
from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.apis.test import check_checkpoint
from mmwsol.models.layers import TargetSampleAssigner
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


@pytest.mark.parametrize(
    ('official', 'ours'),
    [
        ('cls_token', 'backbone.cls_token'),
        ('conv_1.bn1.running_var', 'backbone.conv_1.bn1.running_var'),
        ('conv_trans_2.trans_block.attn.qkv.weight', 'backbone.conv_trans_2.trans_block.attn.qkv.weight'),
        ('trans_cls_head.weight', 'head.semantic.weight'),
        ('conv_cls_head.bias', 'head.conv_classifier.bias'),
    ],
)
def test_conformer_layers_keep_their_names_and_its_classifiers_get_ours(official: str, ours: str) -> None:
    assert rename_conformer_key(official) == ours


def test_diffusion_parameters_are_not_the_conformers() -> None:
    with pytest.raises(ValueError, match=r'layers\.0\.thred belongs to a diffusion block of SCM'):
        rename_conformer_key('layers.0.thred')


def test_tscam_backbone_and_classifier_get_our_names() -> None:
    official = {
        'module.blocks.0.attn.qkv.bias': torch.zeros(3),
        'module.head.weight': torch.zeros(4, 2, 3, 3),
    }
    converted = convert_tscam(dict(epoch=1, state_dict=official, best_map=0.1))
    assert list(converted) == ['backbone.net.blocks.0.attn.qkv.bias', 'head.semantic.weight']


def test_scalars_of_the_diffusion_blocks_are_stacked_in_order() -> None:
    official: dict[str, Tensor] = {'head.weight': torch.zeros(4, 2, 3, 3)}
    for i in (2, 0, 1):
        official[f'layers.{i}.thred'] = torch.tensor([0.5 + i])
        official[f'layers.{i}.fuse._loss_rate'] = torch.tensor([10.0 + i])
    converted = convert_tscam(official)
    assert converted['head.diffusion.thresholds'].tolist() == [0.5, 1.5, 2.5]
    assert converted['head.diffusion.affinity_weights'].tolist() == [10, 11, 12]


def test_sat_tokens_get_our_names_and_its_constant_filter_is_dropped() -> None:
    names = ['loc_token', 'loc_embed', 'weight', 'norm.bias']
    official = {f'module.{name}': torch.zeros(1) for name in names} | {
        'module.head.weight': torch.zeros(4, 2, 3, 3)
    }
    converted = convert_sat(dict(model=official, best_thr=0.4, epoch=29))
    assert set(converted) == {
        'backbone.spatial_token',
        'backbone.spatial_embed',
        'backbone.net.norm.bias',
        'head.semantic.weight',
    }


@pytest.mark.parametrize('convert', [convert_tscam, convert_sat])
def test_plain_transformers_are_refused(convert: Callable) -> None:
    with pytest.raises(ValueError, match=r'not a (TS-CAM|SAT) checkpoint'):
        convert({'blocks.0.norm1.bias': torch.zeros(2), 'head.weight': torch.zeros(4, 2)})


@pytest.mark.parametrize(
    ('config', 'convert', 'fixture'),
    [
        ('tscam/tscam_deitsmall_cub.py', convert_tscam, 'tscam_tiny'),
        ('scm/scm_deitsmall_cub.py', convert_tscam, 'scm_tiny'),
        ('sat/sat_deitsmall_cub.py', convert_sat, 'sat_tiny_d48_p16_224'),
    ],
)
def test_official_names_fill_the_shipped_transformers_exactly(
    golden: Callable, config: str, convert: Callable, fixture: str
) -> None:
    arrays = golden(fixture)
    cfg = Config.fromfile(find_config(config))
    drop_pretrained_weights(cfg.model)
    cfg.model.backbone.depth = int(arrays['depth'])
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    official = {key: torch.empty(1, 1, 1, 1) for key in arrays['state_keys'].tolist()}
    assert set(convert(official)) == set(model.state_dict())


DAWSOL = {'SPG_A3_1b.0.bias': torch.zeros(2), 'Mixed_6e.branch1x1.bn.weight': torch.zeros(2)}
DAWSOL_CLASSIFIER = {'fc.weight': torch.zeros(4, 2, 1, 1), 'fc.bias': torch.zeros(4)}


@pytest.mark.parametrize(
    'content',
    [
        DAWSOL | DAWSOL_CLASSIFIER,
        dict(epoch=3, model={f'module.{k}': v for k, v in (DAWSOL | DAWSOL_CLASSIFIER).items()}),
        dict(extractor=DAWSOL, optimizer=dict(state={}, param_groups=[]), classifier=DAWSOL_CLASSIFIER),
    ],
    ids=['bare', 'wrapped', 'two parts'],
)
def test_dawsols_extractor_and_classifier_get_our_names(content: dict) -> None:
    assert set(convert_dawsol(content)) == {
        'head.hidden.1.bias',
        'backbone.Mixed_6e.branch1x1.bn.weight',
        'head.fc.weight',
        'head.fc.bias',
        *(f'head.assigner.{key}' for key in TargetSampleAssigner(4, 2).state_dict()),
    }


@pytest.mark.parametrize('config', ['dawsol/dawsol_resnet50_cub.py', 'dawsol/dawsol_inceptionv3_cub.py'])
def test_converted_dawsol_checkpoint_may_be_tested(config: str, tmp_path: Path) -> None:
    cfg = Config.fromfile(find_config(config))
    drop_pretrained_weights(cfg.model)
    cfg.model.head.num_classes = 4
    model = MODELS.build(cfg.model)
    ours = {key: value for key, value in model.state_dict().items() if 'assigner' not in key}
    names = {'head.hidden.1': 'SPG_A3_1b.0', 'head.hidden.4': 'SPG_A3_2b.0', 'head.fc': 'fc'}
    official = {}
    for key, value in ours.items():
        module, _, leaf = key.rpartition('.')
        official[f'{names.get(module, module.removeprefix("backbone."))}.{leaf}'] = value
    torch.save(convert_dawsol(official), tmp_path / 'converted.pth')
    check_checkpoint(model, str(tmp_path / 'converted.pth'))


def test_dawsols_linear_or_missing_classifier_is_refused() -> None:
    for content in (DAWSOL, DAWSOL | {'fc.weight': torch.zeros(4, 2)}):
        with pytest.raises(
            ValueError, match=r'not a DA-WSOL checkpoint: it must hold fc\.weight \(K, C, 1, 1\)'
        ):
            convert_dawsol(content)
