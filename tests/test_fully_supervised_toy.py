"""The fully supervised baseline by its shipped config: boxes and masks of the drawn pictures reach its loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmwsol.apis.run_config import find_config
from mmwsol.registry import MODELS


@pytest.mark.slow
def test_few_masks_teach_it_where_objects_are(data_root: Path) -> None:
    cfg = Config.fromfile(find_config('fullsup/fullsup_testresnet_toy.py'))
    cfg.merge_from_dict(
        {
            'train_dataloader.num_workers': 0,
            'train_dataloader.dataset.images_per_class': 2,
            'train_dataloader.dataset.dataset.images_per_class': 3,
        }
    )
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmwsol'):
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
        model = MODELS.build(cfg.model).train()
        optim = build_optim_wrapper(model, cfg.optim_wrapper)
        assert len(loader.dataset) == 16
        steps = [model.train_step(data, optim)['loss_mask'].item() for _ in range(6) for data in loader]
    assert sum(steps[-3:]) < 0.8 * sum(steps[:3])


def test_its_samples_hold_boxes_and_masks_and_those_of_a_wsol_method_do_not(data_root: Path) -> None:
    cfg = Config.fromfile(find_config('fullsup/fullsup_testresnet_toy.py'))
    options = {'num_workers': 0, 'dataset.images_per_class': 1, 'dataset.dataset.images_per_class': 2}
    cfg.merge_from_dict({f'train_dataloader.{key}': value for key, value in options.items()})
    plain = Config.fromfile(find_config('cam/cam_testresnet_toy_masks.py'))
    plain.merge_from_dict({'train_dataloader.num_workers': 0, 'train_dataloader.dataset.images_per_class': 2})
    fields = []
    with DefaultScope.overwrite_default_scope('mmwsol'):
        for config in (cfg, plain):
            samples = next(iter(Runner.build_dataloader(config.train_dataloader, seed=0)))['data_samples']
            fields.append(set().union(*(sample.keys() for sample in samples)))
    assert fields == [{'gt_label', 'gt_bboxes', 'gt_mask'}, {'gt_label'}]
