"""A whole run that chooses without test boxes, on drawn pictures: the test boxes may be anything until the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmwsol.apis import test as test_command
from mmwsol.compat import load_checkpoint_file
from mmwsol.datasets import ToyShapes

pytestmark = pytest.mark.slow

LOCALIZER = dict(
    type='Localizer',
    backbone=dict(type='ViTBackbone', name='test_vit', img_size=112, keys=True, frozen=True),
    head=dict(type='TokenCutHead', num_classes=1, in_channels=64),
)


def config(repo_dir: Path, work_dir: Path) -> Config:
    cfg = Config.fromfile(repo_dir / 'configs/bas/bas_testresnet_toy.py')
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = work_dir.name  # runs of one second would share best scores
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[name].num_workers = 0
        cfg[name].dataset.images_per_class = 2
    cfg.val_dataloader.dataset.split = 'val'
    cfg.train_cfg.update(max_epochs=2, val_interval=1)
    cfg.val_evaluator = [
        dict(type='LocalizationMetric', protocols=['strict']),
        dict(type='PseudoBoxMetric', localizer=LOCALIZER),
    ]
    protocols = ['strict', dict(name='strict', threshold_source='pseudo')]
    cfg.test_evaluator = dict(type='LocalizationMetric', protocols=protocols)
    cfg.default_hooks.checkpoint.update(
        save_best=['wsol/strict/IoU', 'pseudo/strict/agreement'], rule='greater'
    )
    return cfg


def train(repo_dir: Path, work_dir: Path) -> dict[str, Any]:
    """What each checkpoint of a training carries."""
    torch.manual_seed(0)
    Runner.from_cfg(config(repo_dir, work_dir)).train()
    return {path.name: load_checkpoint_file(path)['selection'] for path in work_dir.glob('*.pth')}


def test_scrambled_test_boxes_change_no_choice(
    repo_dir: Path, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('LOCAL_RANK', '0')
    torch.set_num_threads(1)
    test = ToyShapes(split='test', images_per_class=2)
    chosen = train(repo_dir, tmp_path / 'first')
    assert {choice['source'] for choice in chosen['epoch_2.pth']['choices']} == {'val', 'pseudo'}
    (boxes,) = Path(test.data_root).glob('boxes.json')
    text = boxes.read_text()
    boxes.write_text(json.dumps({name: [0, 0, 5, 5] for name in json.loads(text)}))
    assert train(repo_dir, tmp_path / 'second') == chosen
    boxes.write_text(text)

    (best,) = (tmp_path / 'second').glob('best_wsol*.pth')
    result = tmp_path / 'result.json'
    (path,) = (tmp_path / 'second').glob('*.py')
    test_command.main([str(path), str(best), '--work-dir', str(tmp_path / 'test'), '--out', str(result)])
    rows = json.loads(result.read_text())['evaluation'][0]['rows']
    thresholds = {choice['source']: choice['threshold'] for choice in chosen[best.name]['choices']}
    assert [(row['threshold_source'], row['threshold']) for row in rows] == list(thresholds.items())
    epoch = chosen[best.name]['epoch']
    assert {row['checkpoint'] for row in rows} == {f'epoch {epoch}, best wsol/strict/IoU on val'}
