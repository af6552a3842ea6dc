"""The example project, copied elsewhere: what a stranger does who has installed mmwsol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SHRINK = [
    'train_dataloader.dataset.images_per_class=2',
    'val_dataloader.dataset.images_per_class=1',
    'train_dataloader.batch_size=8',
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=1',
]


def train(repo: Path, folder: Path, config: str) -> tuple[str, dict]:
    """Run tools/train.py from a copy of the project's folder; its output and what it logged of the validation."""
    copied = folder / 'plugin'
    shutil.copytree(repo / 'projects' / 'example_head', copied, dirs_exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    environment |= {
        'MMWSOL_DATA_ROOT': str(folder / 'data'),
        'OMP_NUM_THREADS': '1',
        'OMP_WAIT_POLICY': 'PASSIVE',
    }
    command = [sys.executable, str(repo / 'tools' / 'train.py'), f'plugin/{config}.py', '--work-dir', config]
    run = subprocess.run(
        [*command, '--cfg-options', *SHRINK],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    scalars = next((folder / config).glob('*/vis_data/scalars.json')).read_text().splitlines()
    return run.stdout + run.stderr, json.loads(scalars[-1])


@pytest.fixture(scope='module')
def runs(
    repo_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, tuple[str, dict]]]:
    folder = tmp_path_factory.mktemp('stranger')
    configs = ('log_sum_exp_toy', 'log_sum_exp_toy_text')
    return folder, {config: train(repo_dir, folder, config) for config in configs}


@pytest.mark.slow
@pytest.mark.parametrize('config', ['log_sum_exp_toy', 'log_sum_exp_toy_text'])
def test_head_beside_its_config_trains_from_any_folder(config: str, runs: tuple[Path, dict]) -> None:
    folder, outputs = runs
    weights = torch.load(folder / config / 'epoch_1.pth', weights_only=False)['state_dict']
    assert weights['head.conv.weight'].shape == (8, 96, 1, 1)
    assert 'GT-known' in outputs[config][0] and 'centre box' in outputs[config][0]


@pytest.mark.slow
def test_both_config_styles_give_the_same_run(runs: tuple[Path, dict]) -> None:
    python, text = (
        {key: value for key, value in scalars.items() if key.startswith('wsol/')}
        for _, scalars in runs[1].values()
    )
    assert python and python == text
