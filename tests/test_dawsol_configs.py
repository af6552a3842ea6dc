"""The DA-WSOL configs hold what the authors' scripts set (specs of DA-WSOL, 1.6)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmwsol.apis.run_config import drop_pretrained_weights
from mmwsol.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[1] / 'configs' / 'dawsol'
RELEASED = {  # learning rate, weight decay, weights of MMD and universum, warm-up, epochs, drops behind
    'dawsol_resnet50_cub': (1e-3, 1e-4, 0.3, 2.0, 1, 50, [29]),
    'dawsol_inceptionv3_cub': (2e-3, 5e-4, 1.4, 4.0, 6, 50, [29]),
    'dawsol_resnet50_ilsvrc': (1e-5, 1e-4, 0.3, 3.0, 1, 10, [2, 5, 8]),
    'dawsol_inceptionv3_ilsvrc': (1e-3, 5e-4, 0.1, 0.3, 1, 10, [2, 5, 8]),
    'dawsol_resnet50_openimages': (1e-3, 1e-4, 0.2, 3.0, 1, 10, [2, 5, 8]),
    'dawsol_inceptionv3_openimages': (1e-3, 5e-4, 0.1, 0.5, 1, 10, [2, 5, 8]),
    'dawsol_vgg16_ilsvrc': (1.7e-5, 5e-4, 0.1, 0.3, 1, 10, [2, 5, 8]),
}


@pytest.mark.parametrize('name', RELEASED)
def test_values_are_those_of_the_release(name: str) -> None:
    cfg = Config.fromfile(str(CONFIGS / f'{name}.py'))
    optimizer, head = cfg.optim_wrapper.optimizer, cfg.model.head
    weights = head.loss_da.loss_weight, head.loss_universum.loss_weight
    drops = list(cfg.param_scheduler[0].milestones)
    found = (
        optimizer.lr,
        optimizer.weight_decay,
        *weights,
        head.warmup_epochs,
        cfg.train_cfg.max_epochs,
        drops,
    )
    assert found == RELEASED[name]
    assert (optimizer.momentum, optimizer.nesterov) == (0.9, True)
    assert (head.assigner.num_samples, head.assigner.anchor_update) == (32, 'released')


@pytest.mark.parametrize(
    ('name', 'side'),
    [('resnet50_cub', 28), ('resnet50_ilsvrc', 28), ('resnet50_openimages', 14)]
    + [(f'inceptionv3_{data}', 28) for data in ('cub', 'ilsvrc', 'openimages')],
)
def test_map_has_the_released_size(name: str, side: int) -> None:
    cfg = Config.fromfile(str(CONFIGS / f'dawsol_{name}.py'))
    drop_pretrained_weights(cfg.model)
    with torch.no_grad():
        assert MODELS.build(cfg.model.backbone)(torch.zeros(1, 3, 224, 224))[-1].shape[2:] == (side, side)


@pytest.mark.parametrize('name', RELEASED)
def test_classifier_learns_ten_times_faster_and_the_batch_is_32(name: str) -> None:
    cfg = Config.fromfile(str(CONFIGS / f'{name}.py'))
    roles = [(role['match'], role['lr_mult']) for role in cfg.optim_wrapper.paramwise_cfg.roles]
    assert roles == [('head', 10.0)]
    assert cfg.train_dataloader.batch_size == (8 if 'ilsvrc' in name else 32)  # four processes on ILSVRC
