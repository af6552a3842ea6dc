from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from mmwsol.apis.choose_on_val import choose_on_val
from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.apis.test import main
from mmwsol.evaluation import get_protocol
from mmwsol.registry import MODELS

TOY = 'bas/bas_testresnet_toy.py'


def config(*evaluators: dict, **changes: Any) -> Config:
    return Config(dict(test_evaluator=list(evaluators), val_dataloader=dict(batch_size=1)) | changes)


def localization(*protocols: Any, **settings: Any) -> dict:
    return dict(type='LocalizationMetric', protocols=list(protocols), **settings)


def test_validation_chooses_for_the_protocols_that_await_a_threshold_and_at_the_levels_of_the_test():
    cfg = config(
        localization('choe_v2', 'strict', 'sat', iou_thresholds=(50,), interval=0.01, per_image=True),
        dict(type='PixelMetric', protocols=['strict', dict(name='strict', comparison='>=')]),
        val_evaluator=dict(type='Other'),
    )
    choose_on_val(cfg)
    (evaluator,) = cfg.val_evaluator
    chosen = [get_protocol(protocol) for protocol in evaluator.pop('protocols')]
    assert chosen == [get_protocol('strict'), get_protocol('strict', comparison='>=')]
    assert evaluator == dict(type='mmwsol.LocalizationMetric', iou_thresholds=(50,), interval=0.01)
    assert cfg.val_cfg == dict()


def test_pseudo_boxes_choose_by_the_evaluator_that_the_config_has():
    pseudo = dict(type='PseudoBoxMetric', localizer=dict(type='x'), protocols=['bas_ext'])
    evaluators = [localization('choe_v2'), pseudo]
    cfg = config(localization(dict(name='strict', threshold_source='pseudo')), val_evaluator=evaluators)
    choose_on_val(cfg)
    (evaluator,) = cfg.val_evaluator
    assert evaluator['localizer'] == dict(type='x')
    assert [get_protocol(p) for p in evaluator['protocols']] == [
        get_protocol('strict', threshold_source='pseudo')
    ]


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (
            config(localization('choe_v2', 'sat')),
            'for protocols that await one, but the test has none.*--protocol strict',
        ),
        (config(localization('strict'), val_dataloader=None), 'needs val_dataloader in the config'),
        (
            config(
                localization(dict(name='strict', threshold_source='pseudo')),
                val_evaluator=localization('strict'),
            ),
            'strict takes a threshold chosen by pseudo boxes, but val_evaluator has no PseudoBoxMetric',
        ),
    ],
)
def test_nothing_to_choose_and_nothing_to_choose_by_are_explained(cfg: Config, message: str):
    with pytest.raises(ValueError, match=message):
        choose_on_val(cfg)


def test_choice_keeps_no_best_checkpoint():
    hooks = dict(
        checkpoint=dict(type='CheckpointHook', save_best='wsol/strict/IoU', rule='greater', interval=1)
    )
    cfg = config(localization('strict'), default_hooks=hooks)
    choose_on_val(cfg)
    assert cfg.default_hooks.checkpoint == dict(type='CheckpointHook', save_best=None, rule=None, interval=1)


@pytest.mark.slow
def test_checkpoint_without_a_validation_is_tested_at_the_threshold_that_val_chooses(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The threshold is the oracle's of the validation images, found by testing these."""
    monkeypatch.setenv('LOCAL_RANK', '0')
    cfg = Config.fromfile(find_config(TOY))
    drop_pretrained_weights(cfg.model)
    torch.manual_seed(0)
    checkpoint = str(tmp_path / 'bare.pth')
    torch.save(MODELS.build(cfg.model).state_dict(), checkpoint)

    def row(split: str, *options: str) -> dict[str, Any]:
        data = [f'{name}_dataloader.dataset.images_per_class=1' for name in ('val', 'test')]
        data += ['val_dataloader.dataset.split=val', f'test_dataloader.dataset.split={split}']
        data += ['train_dataloader.dataset.data_root=/nowhere', 'train_dataloader.dataset.type=CUB']
        data += [
            'default_hooks.checkpoint.save_best=wsol/strict/IoU',
            'default_hooks.checkpoint.rule=greater',
        ]
        data += ['val_dataloader.num_workers=0', 'test_dataloader.num_workers=0']
        out = ['--out', str(tmp_path / 'out.json'), '--work-dir', str(tmp_path / 'work')]
        main([TOY, checkpoint, *out, *options, '--cfg-options', *data])
        return json.loads((tmp_path / 'out.json').read_text())['evaluation'][0]['rows'][0]

    oracle = row('val', '--protocol', 'strict:threshold_source=oracle')
    found = row('test', '--protocol', 'strict', '--choose-on-val')
    assert (found['threshold'], found['threshold_source']) == (oracle['threshold'], 'val')
    assert found['threshold_from'] == dict(split='val', images=8, value=oracle['IoU'])
    stated = row('test', '--protocol', f'strict:threshold={oracle["threshold"]}')
    assert (found['GT-known'], found['IoU']) == (stated['GT-known'], stated['IoU'])
    again = row('val', '--protocol', 'strict', '--choose-on-val')
    assert again['threshold_source'] == 'val, tested too (oracle)' and again['IoU'] == oracle['IoU']
