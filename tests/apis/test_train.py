from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmwsol.apis.train import main

TOY = 'bas/bas_testresnet_toy.py'


class FakeRunner:
    trained = 0

    def train(self) -> None:
        FakeRunner.trained += 1


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """``run(config, *options)`` gives the config with which the command would train."""
    seen: list[Config] = []

    def from_cfg(cfg: Config) -> FakeRunner:
        seen.append(cfg)
        return FakeRunner()

    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setattr(Runner, 'from_cfg', from_cfg)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    FakeRunner.trained = 0

    def call(config: str, *options: str) -> Config:
        main([config, '--work-dir', str(tmp_path), *options])
        assert FakeRunner.trained == len(seen)
        return seen[-1]

    return call


def test_plain_command_trains_the_config_as_it_is(run: Callable) -> None:
    cfg = run(TOY)
    assert not cfg.resume and cfg.load_from is None and cfg.randomness.seed == 6


def test_seed_and_precision_can_be_chosen(run: Callable) -> None:
    cfg = run(TOY, '--seed', '11', '--amp')
    assert cfg.randomness.seed == 11 and cfg.optim_wrapper.type == 'mmwsol.CpuAmpOptimWrapper'


def test_seed_zero_is_a_seed(run: Callable) -> None:
    assert run(TOY, '--seed', '0').randomness.seed == 0


def test_random_weights_drop_the_pretrained_ones(run: Callable) -> None:
    assert 'Pretrained' in str(run('bas/bas_vgg16_cub.py').model)
    assert 'Pretrained' not in str(run('bas/bas_vgg16_cub.py', '--random-weights').model)


def test_validation_can_be_switched_off(run: Callable) -> None:
    cfg = run(TOY, '--no-validate')
    assert cfg.val_cfg is None and cfg.val_dataloader is None and cfg.val_evaluator is None


@pytest.mark.parametrize('options', [['--resume'], ['--resume', 'latest'], ['--resume', 'previous']])
def test_resume_takes_the_newest_checkpoint_of_the_work_dir(
    run: Callable, tmp_path: Path, options: list[str]
) -> None:
    torch.save({}, tmp_path / 'epoch_4.pth')
    cfg = run(TOY, *options)
    assert cfg.resume and cfg.load_from == str(tmp_path / 'epoch_4.pth')


def test_resumed_fine_tuning_keeps_on_record_what_it_started_from(run: Callable, tmp_path: Path) -> None:
    torch.save({}, tmp_path / 'epoch_4.pth')
    cfg = run(TOY, '--resume', '--cfg-options', 'load_from=tuned.pth')
    assert (cfg.load_from, cfg.started_from) == (str(tmp_path / 'epoch_4.pth'), 'tuned.pth')
    cfg.dump(tmp_path / 'again.py')
    assert run(str(tmp_path / 'again.py'), '--resume').started_from == 'tuned.pth'


def test_resume_without_a_checkpoint_does_not_start(run: Callable) -> None:
    with pytest.raises(FileNotFoundError, match='no checkpoint'):
        run(TOY, '--resume')
    assert FakeRunner.trained == 0
