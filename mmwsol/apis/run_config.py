"""From command line to the config of a run: what ``train`` and ``test`` share."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction

from mmwsol import compat

CONFIG_ROOT = Path(__file__).resolve().parents[1] / 'configs'
RUNS = itertools.count(1)  # of this process


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that every run understands."""
    parser.add_argument(
        'config', help='config file, or the name of a shipped one such as bas/bas_vgg16_cub.py'
    )
    parser.add_argument(
        '--work-dir', help='where checkpoints, logs and pictures go (default work_dirs/<config name>)'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='change config entries: key=value, nested keys with dots',
    )
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm', 'mpi'), default='none')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help='set by launchers')


def find_config(name: str) -> str:
    """A config file as named, else the shipped one of that name.

    Raises:
        FileNotFoundError: neither exists; names shipped configs that look alike.
    """
    for candidate in (Path(name), CONFIG_ROOT / name, CONFIG_ROOT / name.removeprefix('configs/')):
        if candidate.is_file():
            return str(candidate)
    wanted = Path(name).stem
    shipped = [p for p in CONFIG_ROOT.rglob('*.py') if p.stem.startswith(wanted.split('_')[0])]
    shipped.sort(key=lambda p: (-SequenceMatcher(None, wanted, p.stem).ratio(), p.stem))
    close = [str(p.relative_to(CONFIG_ROOT)) for p in shipped[:12]]
    raise FileNotFoundError(
        f'config {name} is neither a file nor a shipped config; shipped ones like it: {close}'
    )


def make_folder_importable(folder: Path) -> None:
    """Let a config import the modules beside it, as a script could; shipped configs need none."""
    if not folder.is_relative_to(CONFIG_ROOT.resolve()) and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def read_config(path: str) -> Config:
    """The config file at ``path``, which may import the modules beside it."""
    make_folder_importable(Path(path).resolve().parent)
    return Config.fromfile(path)


def load_config(args: argparse.Namespace) -> Config:
    """The config of a run with the command line's changes in it, and gloo prepared where there is no GPU.

    MMEngine tells runs apart by name and second; later runs of a process get a number too, else two in one second
    would share their log and their best scores.
    """
    path = find_config(args.config)
    cfg = read_config(path)
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(Path('work_dirs') / Path(path).stem)
    cfg.setdefault('default_scope', 'mmwsol')
    run = next(RUNS)
    if run > 1:
        cfg.experiment_name = f'{cfg.get("experiment_name") or Path(path).stem}_{run}'
    compat.prepare_cpu_distributed(cfg, args.launcher)
    return cfg


def drop_pretrained_weights(node: Any) -> None:
    """Remove every ``Pretrained`` initialiser from a config, in place: the run starts from random weights."""
    if isinstance(node, dict):
        init = node.get('init_cfg')
        kept = [c for c in ([init] if isinstance(init, dict) else init or []) if c['type'] != 'Pretrained']
        if init is not None:
            node['init_cfg'] = kept or None
        for key in ('checkpoint', 'pretrained'):
            if 'backbone' in str(node.get('type', '')).lower() and node.get(key):
                node[key] = None
        for value in node.values():
            drop_pretrained_weights(value)
    elif isinstance(node, list | tuple):
        for value in node:
            drop_pretrained_weights(value)


def use_mixed_precision(cfg: Config) -> None:
    """float16 with loss scaling on a GPU, bfloat16 autocast on the CPU."""
    wrapper = cfg.optim_wrapper
    wrapper.type = 'mmengine.AmpOptimWrapper' if torch.cuda.is_available() else 'mmwsol.CpuAmpOptimWrapper'
    if torch.cuda.is_available():
        wrapper.setdefault('loss_scale', 'dynamic')
