"""Methods combined by config alone: options on shipped configs, then training steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import Tensor

from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.models.layers import ADL
from mmwsol.models.localizers import Localizer
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample, labelled_samples


@pytest.fixture(autouse=True)
def mmwsol_scope() -> Iterator[None]:
    with DefaultScope.overwrite_default_scope('mmwsol'):
        yield


def augmented_by(*augments: dict[str, Any]) -> dict[str, Any]:
    return {'model.data_preprocessor': dict(type='LocDataPreprocessor', batch_augments=list(augments))}


CUTMIX = dict(type='CutMix', beta=1.0, prob=1.0)
HIDE_AND_SEEK = dict(type='HideAndSeek', grid_size=28, rate=0.5)
ADL_PLUGINS = [dict(layer=dict(type='ADL', threshold=0.9, drop_rate=0.5), stage=stage) for stage in (3, 4)]
CNN_TOYS = [f'{name}/{name}_testresnet_toy.py' for name in ('acol', 'adl', 'bas', 'cam', 'dawsol', 'spg')]
VIT_TOYS = [f'{name}/{name}_testvit_toy.py' for name in ('sat', 'scm', 'tscam')]


def train(
    config: str, options: dict[str, Any], size: int = 112, steps: int = 2
) -> tuple[Localizer, list[dict[str, Tensor]], list[LocDataSample]]:
    """Model, logged losses of each step and samples of the last; everything that should train has moved."""
    cfg = Config.fromfile(find_config(config))
    drop_pretrained_weights(cfg.model)
    cfg.merge_from_dict(options)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    optim = build_optim_wrapper(model, cfg.optim_wrapper)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    logged = []
    for _ in range(steps):
        samples = labelled_samples((0, 1, 2, 1))
        images = [torch.randint(0, 256, (3, size, size), dtype=torch.uint8) for _ in samples]
        logged.append(model.train_step({'inputs': images, 'data_samples': samples}, optim))
    assert all(value.isfinite() for losses in logged for value in losses.values())
    still = [name for name, p in model.named_parameters() if torch.equal(p, before[name])]
    assert not still
    return model, logged, samples


@pytest.mark.parametrize('config', CNN_TOYS + VIT_TOYS)
def test_every_method_with_both_augmentations(config: str) -> None:
    _, logged, samples = train(config, augmented_by(HIDE_AND_SEEK, CUTMIX))
    assert 'mix_label' in samples[0] and 'loss_cls' in logged[0]


@pytest.mark.parametrize('config', CNN_TOYS)
def test_every_method_of_cnns_with_adl(config: str) -> None:
    model, _, _ = train(config, {'model.backbone.plugins': ADL_PLUGINS})
    assert sum(isinstance(module, ADL) for module in model.backbone.modules()) == 2


@pytest.mark.parametrize('method', ['acol', 'bas', 'cam', 'spg'])
def test_every_loss_of_mixed_images_is_weighted_over_both_labels(method: str) -> None:
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(find_config(f'{method}/{method}_testresnet_toy.py')).model).train()
    images = torch.randn(4, 3, 112, 112)
    labels, others = (0, 1, 2, 1), (3, 2, 2, 0)
    first, second, mixed = (labelled_samples(y) for y in (labels, others, labels))
    for sample, other in zip(mixed, others):
        sample.mix_label, sample.mix_weight = torch.tensor([other]), torch.tensor([0.75])
    one, two, both = (model(images, samples, mode='loss') for samples in (first, second, mixed))
    for name, loss in both.items():
        torch.testing.assert_close(loss, 0.75 * one[name] + 0.25 * two[name])
    assert all(one[name] != two[name] for name in both if name not in ('loss_b1', 'loss_c'))


@pytest.mark.parametrize('augment', [CUTMIX, HIDE_AND_SEEK], ids=['CutMix', 'HideAndSeek'])
def test_dawsol_with_an_augmentation(augment: dict[str, Any]) -> None:
    model, _, _ = train('dawsol/dawsol_testresnet_toy.py', augmented_by(augment))
    labels_an_image = 2 if augment is CUTMIX else 1
    assert model.head.assigner.universum_count == 2 * 4 * labels_an_image


def test_dawsol_with_adl() -> None:
    model, logged, _ = train('dawsol/dawsol_testresnet_toy.py', {'model.backbone.plugins': ADL_PLUGINS})
    assert model.head.assigner.universum_count == 8 and logged[0]['loss_universum'] > 0


def test_two_augmentations_follow_each_other() -> None:
    cfg = Config.fromfile(find_config('spg/spg_testresnet_toy.py'))
    cfg.merge_from_dict(augmented_by(dict(HIDE_AND_SEEK, rate=1.0), CUTMIX))
    preprocessor = MODELS.build(cfg.model.data_preprocessor)
    samples = labelled_samples((0, 1))
    images = torch.randint(0, 256, (2, 3, 112, 112), dtype=torch.uint8)
    batch = preprocessor({'inputs': list(images), 'data_samples': samples}, training=True)
    assert not batch['inputs'].any() and 'mix_label' in samples[0]


@pytest.mark.slow
def test_dawsol_on_vgg16() -> None:
    model, logged, _ = train('dawsol/dawsol_vgg16_cub.py', {'model.head.assigner.num_samples': 2}, 64, 1)
    assert logged[0]['loss_universum'] > 0 and model.head.assigner.universum_count == 4
