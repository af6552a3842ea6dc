"""The configs of HaS, CutMix, ADL, ACoL and SPG against the tables of specs/dawsol_wsolevaluation.md 3 and 4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from mmwsol.apis.run_config import drop_pretrained_weights
from mmwsol.engine.optimizers import RoleOptimWrapperConstructor
from mmwsol.registry import MODELS
from mmwsol.structures import labelled_samples

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
TUNED = {  # learning rate, values of the method
    'has_vgg16': (3.42891848e-3, (65, 0.47)),
    'has_inceptionv3': (1.400558066e-2, (170, 0.26)),
    'has_resnet50': (3.61996526e-3, (120, 0.66)),
    'acol_vgg16': (1.0569582e-4, (0.89,)),
    'acol_inceptionv3': (6.58832165e-3, (0.79,)),
    'acol_resnet50': (1.700073e-5, (0.57,)),
    'spg_vgg16': (1.2558923e-4, (0.29, 0.23, 0.03, 0.02, 0.82, 0.59)),
    'spg_inceptionv3': (3.360682e-4, (0.28, 0.02, 0.17, 0.03, 0.47, 0.31)),
    'spg_resnet50': (4.521947e-5, (0.41, 0.35, 0.24, 0.21, 0.12, 0.08)),
    'adl_vgg16': (2.430601e-5, (0.72, 0.33)),
    'adl_inceptionv3': (3.8655054e-4, (0.86, 0.69)),
    'adl_resnet50': (1.253438325e-2, (0.76, 0.24)),
    'cutmix_vgg16': (3.220934e-5, (0.85, 0.79)),
    'cutmix_inceptionv3': (2.25171726e-3, (0.04, 0.30)),
    'cutmix_resnet50': (3.333722e-4, (1.35, 0.24)),
}
CAM_ON_ILSVRC = {'vgg16': 1.654502e-5, 'inceptionv3': 3.606503e-4, 'resnet50': 3.108411e-5}
KEYS = {'has': ('grid_size', 'rate'), 'cutmix': ('beta', 'prob'), 'adl': ('threshold', 'drop_rate')}
ADL_BEHIND = {
    'vgg16': ['features.16', 'features.22', 'features.29'],
    'inceptionv3': ['Mixed_5d', 'Mixed_6e'],  # the third stands in the head
    'resnet50': ['layer3.0', 'layer4.0', 'layer4.2'],
}
each = pytest.mark.parametrize('name', TUNED)


@pytest.fixture(autouse=True)
def mmwsol_scope() -> Iterator[None]:
    with DefaultScope.overwrite_default_scope('mmwsol'):
        yield


def load(name: str, dataset: str = 'cub') -> Config:
    cfg = Config.fromfile(str(CONFIGS / name.split('_')[0] / f'{name}_{dataset}.py'))
    drop_pretrained_weights(cfg.model)
    return cfg


def values_of(method: str, model: Config) -> tuple:
    if method == 'acol':
        return (model.head.threshold,)
    if method == 'spg':
        losses = [model.head[name] for name in ('loss_b2', 'loss_b1', 'loss_c')]
        return tuple(value for loss in losses for value in (loss.high, loss.low))
    part = model.backbone.plugins[0].layer if method == 'adl' else model.data_preprocessor.batch_augments[0]
    return tuple(part[key] for key in KEYS[method])


@each
def test_tuned_values_are_those_of_the_table(name: str) -> None:
    cfg, (lr, values) = load(name), TUNED[name]
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.lr, optimizer.momentum, optimizer.nesterov) == (lr, 0.9, True)
    assert optimizer.weight_decay == (1e-4 if 'resnet50' in name else 5e-4)
    assert values_of(name.split('_')[0], cfg.model) == values
    assert cfg.train_cfg.max_epochs == 50 and list(cfg.param_scheduler[0].milestones) == [14, 29, 44]


@each
def test_ilsvrc_keeps_the_values_of_the_method_and_takes_cams_learning_rate(name: str) -> None:
    cfg = load(name, 'ilsvrc')
    assert cfg.optim_wrapper.optimizer.lr == CAM_ON_ILSVRC[name.split('_')[1]]
    assert values_of(name.split('_')[0], cfg.model) == TUNED[name][1]
    assert cfg.train_cfg.max_epochs == 10 and list(cfg.param_scheduler[0].milestones) == [2, 5, 8]


@each
def test_openimages_keeps_the_values_of_cub_but_for_the_learning_rate_of_vgg16(name: str) -> None:
    cfg = load(name, 'openimages')
    lr = 2.27913316e-3 if 'vgg16' in name else TUNED[name][0]
    assert (cfg.optim_wrapper.optimizer.lr, cfg.train_dataloader.batch_size) == (lr, 32)
    assert values_of(name.split('_')[0], cfg.model) == TUNED[name][1]
    assert cfg.train_cfg.max_epochs == 10 and list(cfg.param_scheduler[0].milestones) == [2, 5, 8]


@each
def test_learning_rate_groups_are_those_of_the_release(name: str) -> None:
    method, arch = name.split('_')
    cfg = load(name)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    constructor = RoleOptimWrapperConstructor({}, cfg.optim_wrapper.paramwise_cfg)
    groups = constructor.groups(model, 1.0, 0.0)
    faster = {id(p) for group in groups if group['lr'] == 10 for p in group['params']}
    names = {key for key, p in model.named_parameters() if id(p) in faster}
    expected = {'vgg16': ('head.',), 'inceptionv3': ('head.',), 'resnet50': ('backbone.layer4.',)}[arch]
    if arch == 'resnet50' and method not in ('acol', 'spg'):
        expected += ('head.',)  # fc
    if name == 'spg_vgg16':
        expected += tuple(f'backbone.features.{i}.' for i in range(17, 30))
    assert names == {key for key, _ in model.named_parameters() if key.startswith(expected)}
    assert {group['lr'] for group in groups} == {1.0, 10.0}


@pytest.mark.parametrize('arch', ADL_BEHIND)
def test_adl_stands_where_the_spec_says(arch: str) -> None:
    with torch.device('meta'):
        model = MODELS.build(load(f'adl_{arch}').model)
    order = [name for names in model.backbone.stages for name in names]
    behind = [order[i - 1] for i, name in enumerate(order) if name.startswith('plugins.')]
    if arch == 'inceptionv3':
        assert type(model.head.hidden[-1]).__name__ == 'ADL'
    assert behind == ADL_BEHIND[arch]


@pytest.mark.parametrize('size', [(96, 96), (64, 120)])
@pytest.mark.parametrize('method', ['has', 'cutmix', 'adl', 'acol', 'spg'])
def test_quick_config_takes_a_training_step_in_bf16_at_any_input_size(
    method: str, size: tuple[int, int]
) -> None:
    cfg = load(f'{method}_efficientnetlite0')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    wrapper = dict(cfg.optim_wrapper, type='CpuAmpOptimWrapper')
    optim = build_optim_wrapper(model, wrapper)
    samples = labelled_samples((3, 150))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for _ in samples]
    losses = model.train_step({'inputs': images, 'data_samples': samples}, optim)
    assert all(value.isfinite() for value in losses.values())
    assert ('mix_label' in samples[0]) == (method == 'cutmix')
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert any(name.startswith('backbone.conv_stem') for name in moved)
    assert any(name.startswith('head') for name in moved)
