from __future__ import annotations

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.engine.optimizers import RoleOptimWrapperConstructor
from mmwsol.registry import MODELS

OPTIMIZER = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01)
ROLES = [
    dict(name='backbone', match='backbone'),
    dict(name='head', match='head', lr_mult=10.0, decay_mult=0.5),
]


@pytest.fixture
def model() -> nn.ModuleDict:
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return nn.ModuleDict(dict(backbone=backbone, head=nn.Linear(4, 2), extra=nn.Linear(2, 2, bias=False)))


def build(model: nn.Module, **paramwise) -> list[dict]:
    config = dict(type='OptimWrapper', optimizer=OPTIMIZER)
    return RoleOptimWrapperConstructor(config, paramwise)(model).optimizer.param_groups


def test_every_role_has_weights_and_biases_with_its_own_rates(model: nn.Module) -> None:
    groups = build(model, roles=ROLES, bias_lr_mult=2.0, bias_decay_mult=0.0)
    summary = {g['name']: (len(g['params']), round(g['lr'], 9), round(g['weight_decay'], 9)) for g in groups}
    assert summary == {
        'backbone weight': (2, 0.1, 0.01),  # the scale of the norm is a weight
        'backbone bias': (2, 0.2, 0.0),
        'head weight': (1, 1.0, 0.005),
        'head bias': (1, 2.0, 0.0),
        'rest weight': (1, 0.1, 0.01),
    }


def test_each_parameter_is_in_one_group_and_frozen_ones_in_none(model: nn.Module) -> None:
    model['head'].bias.requires_grad_(False)
    grouped = [id(p) for group in build(model, roles=ROLES) for p in group['params']]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_first_matching_role_wins(model: nn.Module) -> None:
    groups = build(model, roles=[dict(name='norm', match=r'backbone\.1', lr_mult=3.0), *ROLES])
    assert [(g['name'], len(g['params'])) for g in groups[:2]] == [('norm weight', 1), ('norm bias', 1)]


def test_without_roles_there_are_two_groups_of_equal_rates(model: nn.Module) -> None:
    assert [(g['name'], g['lr']) for g in build(model)] == [('rest weight', 0.1), ('rest bias', 0.1)]


def test_pattern_without_a_parameter_is_refused(model: nn.Module) -> None:
    with pytest.raises(ValueError, match="no parameter name matches 'hed' of role 'typo'"):
        build(model, roles=[dict(name='typo', match='hed')])


def test_unknown_key_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown paramwise_cfg keys \['custom_keys'\]"):
        RoleOptimWrapperConstructor(dict(optimizer=OPTIMIZER), dict(custom_keys={}))


def test_wrapped_model_has_the_same_groups(model: nn.Module) -> None:
    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = model

    assert [g['name'] for g in build(Wrapper(), roles=ROLES)] == [
        g['name'] for g in build(model, roles=ROLES)
    ]


@pytest.mark.parametrize(
    ('backbone', 'counts'),
    [('vgg16', (13, 13)), ('resnet50', (106, 53)), ('mobilenetv1', (54, 27)), ('inceptionv3', (188, 94))],
)
def test_bas_has_the_four_published_groups(backbone: str, counts: tuple[int, int]) -> None:
    cfg = Config.fromfile(find_config(f'bas/bas_{backbone}_cub.py'))
    drop_pretrained_weights(cfg.model)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    assert [len(group['params']) for group in groups] == [*counts, 4, 4]
    assert [group['lr'] for group in groups] == pytest.approx([1e-3, 2e-3, 1e-2, 2e-2])
    assert all(g['weight_decay'] == 5e-4 and g['momentum'] == 0.9 and g['nesterov'] for g in groups)


def test_vectors_may_share_a_group_without_decay(model: nn.Module) -> None:
    groups = build(model, roles=ROLES[:1], vector_decay_mult=0.0)
    summary = {g['name']: (len(g['params']), g['lr'], g['weight_decay']) for g in groups}
    assert summary == {
        'backbone weight': (1, 0.1, 0.01),
        'backbone vector': (3, 0.1, 0.0),  # the norm's scale and both biases
        'rest weight': (2, 0.1, 0.01),
        'rest vector': (1, 0.1, 0.0),
    }


def test_vectors_and_biases_are_not_set_twice() -> None:
    with pytest.raises(ValueError, match='vector_decay_mult covers biases'):
        RoleOptimWrapperConstructor(dict(optimizer=OPTIMIZER), dict(vector_decay_mult=0.0, bias_lr_mult=2.0))


@pytest.mark.parametrize(
    ('config', 'undecayed_tokens', 'tensors'),
    [
        ('tscam/tscam_deitsmall_cub.py', {'cls_token', 'pos_embed'}, 50),
        (
            'scm/scm_deitsmall_cub.py',
            {'cls_token', 'pos_embed'},
            50,
        ),  # and 110 without, specs/tscam_scm.md 4.4
        ('sat/sat_deitsmall_cub.py', set(), 54),
    ],
)
def test_transformers_decay_the_published_tensors(
    config: str, undecayed_tokens: set[str], tensors: int
) -> None:
    cfg = Config.fromfile(find_config(config))
    drop_pretrained_weights(cfg.model)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    decayed = {id(p) for g in groups if g['weight_decay'] == 0.05 for p in g['params']}
    names = {name for name, p in model.named_parameters() if id(p) in decayed}
    assert len(names) == tensors and {g['weight_decay'] for g in groups} == {0.0, 0.05}
    several = {
        name.rpartition('.')[2] for name, p in model.named_parameters() if p.ndim > 1 and name not in names
    }
    assert several == undecayed_tokens


def test_config_builds_it_by_name(model: nn.Module) -> None:
    config = dict(
        type='OptimWrapper',
        constructor='RoleOptimWrapperConstructor',
        optimizer=OPTIMIZER,
        paramwise_cfg=dict(roles=ROLES),
    )
    assert len(build_optim_wrapper(model, config).optimizer.param_groups) == 5
