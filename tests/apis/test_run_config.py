from __future__ import annotations

import argparse
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmwsol.apis.run_config import (
    CONFIG_ROOT,
    add_run_arguments,
    drop_pretrained_weights,
    find_config,
    load_config,
    use_mixed_precision,
)

TOY = 'cam/cam_testresnet_toy.py'


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_run_arguments(parser)
    return parser.parse_args(arguments)


@pytest.fixture(autouse=True)
def local_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('LOCAL_RANK', '0')


def test_file_comes_before_a_shipped_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Path(find_config(TOY)) == CONFIG_ROOT / TOY
    (tmp_path / 'cam').mkdir()
    (tmp_path / TOY).write_text('')
    assert find_config(TOY) == TOY


@pytest.mark.parametrize('name', [TOY, f'configs/{TOY}'])
def test_shipped_config_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Path(find_config(name)) == CONFIG_ROOT / TOY


def test_unknown_config_lists_shipped_ones_of_the_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r'cam/cam_vgg16_cub\.py') as error:
        find_config('cam_vgg19_cub.py')
    assert 'bas/' not in str(error.value)


def test_command_line_options_change_the_config() -> None:
    args = parse(
        TOY, '--cfg-options', 'model.head.num_classes=5', 'train_cfg.max_epochs=2', '--work-dir', 'here'
    )
    cfg = load_config(args)
    assert (cfg.model.head.num_classes, cfg.train_cfg.max_epochs) == (5, 2)
    assert cfg.work_dir == 'here' and cfg.launcher == 'none' and cfg.default_scope == 'mmwsol'


def test_work_dir_is_named_after_the_config_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    assert load_config(parse(TOY)).work_dir == 'work_dirs/cam_testresnet_toy'
    (tmp_path / 'own.py').write_text("work_dir = 'mine'\n")
    assert load_config(parse(str(tmp_path / 'own.py'))).work_dir == 'mine'
    assert load_config(parse(str(tmp_path / 'own.py'), '--work-dir', 'other')).work_dir == 'other'


@pytest.mark.parametrize('named', [(), ('--cfg-options', 'experiment_name=mine')])
def test_two_runs_in_one_second_share_neither_log_nor_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...]
) -> None:
    monkeypatch.setattr(time, 'strftime', lambda *_: '20000101_000000')
    one, other = (
        Runner.from_cfg(load_config(parse(TOY, '--work-dir', str(tmp_path / name), *named))) for name in 'ab'
    )
    assert one.visualizer is not other.visualizer
    assert one.message_hub is not other.message_hub


def test_pretrained_initialisers_are_removed_and_others_kept() -> None:
    xavier, pretrained = dict(type='Xavier', layer='Conv2d'), dict(type='Pretrained', checkpoint='x.pth')
    model = dict(
        backbone=dict(type='TimmBackbone', checkpoint='y.pth', init_cfg=[xavier, pretrained]),
        neck=[dict(init_cfg=pretrained), dict(init_cfg=xavier)],
        head=dict(type='CAMHead', checkpoint='kept'),
    )
    drop_pretrained_weights(model)
    assert model['backbone']['init_cfg'] == [xavier] and model['backbone']['checkpoint'] is None
    assert model['neck'][0]['init_cfg'] is None and model['neck'][1]['init_cfg'] == [xavier]
    assert model['head'] == dict(type='CAMHead', checkpoint='kept')


@pytest.mark.parametrize('name', ['bas/bas_vgg16_cub.py', 'bas/bas_efficientnetlite0_cub.py'])
def test_no_shipped_weights_are_left(name: str) -> None:
    cfg = Config.fromfile(find_config(name))
    assert 'Pretrained' in str(cfg.model)
    drop_pretrained_weights(cfg.model)
    assert 'Pretrained' not in str(cfg.model)


def test_mixed_precision_is_bfloat16_on_the_cpu_and_scaled_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    cfg = Config.fromfile(find_config(TOY))
    use_mixed_precision(cfg)
    assert cfg.optim_wrapper.type == 'mmwsol.CpuAmpOptimWrapper' and 'loss_scale' not in cfg.optim_wrapper
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    use_mixed_precision(cfg)
    assert (cfg.optim_wrapper.type, cfg.optim_wrapper.loss_scale) == ('mmengine.AmpOptimWrapper', 'dynamic')
