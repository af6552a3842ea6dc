"""What the launch scripts run: a stand-in for python and srun prints its arguments."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def launched(repo_dir: Path, tmp_path: Path):
    """``launched('dist_train.sh', ..., PORT=..)``: the command line that the script ends in."""
    for name in ('python', 'srun'):
        stand_in = tmp_path / name
        stand_in.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        stand_in.chmod(0o755)

    def launch(script: str, *args: str, **variables: str) -> str:
        hidden = ('MASTER_PORT', 'MASTER_ADDR', 'NNODES', 'NODE_RANK', 'GPUS', 'GPUS_PER_NODE', 'SRUN_ARGS')
        environment = {key: value for key, value in os.environ.items() if key not in hidden}
        environment |= {'PATH': f'{tmp_path}{os.pathsep}{os.environ["PATH"]}', **variables}
        command = ['bash', str(repo_dir / 'tools' / script), *args]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    return launch


def test_dist_train_starts_the_processes_of_one_machine_and_passes_options_on(launched) -> None:
    line = launched('dist_train.sh', 'my.py', '4', '--amp', '--cfg-options', 'a.b=1 2', MASTER_PORT='29999')
    assert line.startswith('python -m torch.distributed.run --nnodes=1 --node_rank=0')
    assert '--master_port=29999 --nproc_per_node=4 ' in line
    assert line.rstrip().endswith('/tools/train.py my.py --launcher pytorch --amp --cfg-options a.b=1 2')


def test_dist_test_takes_config_checkpoint_and_processes(launched) -> None:
    line = launched('dist_test.sh', 'my.py', 'epoch_1.pth', '2', '--out', 'r.json', NNODES='3', NODE_RANK='1')
    assert '--nnodes=3 --node_rank=1' in line and '--nproc_per_node=2' in line
    assert line.rstrip().endswith('/tools/test.py my.py epoch_1.pth --launcher pytorch --out r.json')


def test_slurm_train_asks_for_the_gpus_and_starts_one_process_each(launched) -> None:
    line = launched(
        'slurm_train.sh', 'part', 'job', 'my.py', '--seed', '1', GPUS='16', SRUN_ARGS='--qos=high -x n1'
    )
    assert line.startswith('srun -p part --job-name=job --gres=gpu:8 --ntasks=16 --ntasks-per-node=8')
    assert '--qos=high -x n1 python -u' in line
    assert line.rstrip().endswith('/tools/train.py my.py --launcher slurm --seed 1')


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_missing_arguments_end_the_script(script: str, launched) -> None:
    with pytest.raises(subprocess.CalledProcessError) as error:
        launched(script)
    assert 'unbound variable' in error.value.stderr
