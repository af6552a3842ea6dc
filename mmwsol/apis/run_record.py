"""What it takes to repeat a result: config, weights, seed, versions, machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.runner import Runner

from mmwsol.compat import load_checkpoint_file
from mmwsol.file_digest import file_digest

PACKAGES = (
    'mmwsol',
    'torch',
    'torchvision',
    'mmengine',
    'mmcv',
    'mmcv-lite',
    'mmpretrain',
    'timm',
    'numpy',
    'opencv-python',
    'torchcam',
)


def describe_run(runner: Runner, checkpoint: str) -> dict[str, Any]:
    """JSON-able record of a run and of the checkpoint it used."""
    is_file = os.path.isfile(checkpoint)  # else the pretrained weights that the config names
    content = load_checkpoint_file(checkpoint, map_location='cpu') if is_file else {}
    meta = content.get('meta', {}) if isinstance(content, dict) else {}
    dataset = runner.test_dataloader.dataset
    return dict(
        config=runner.cfg.pretty_text,
        config_file=runner.cfg.filename,
        training_config=meta.get('cfg'),
        checkpoint=str(checkpoint),
        checkpoint_sha256=file_digest(checkpoint) if is_file else None,
        checkpoint_epoch=meta.get('epoch'),
        training_seed=meta.get('seed'),
        seed=runner.seed,
        data=dict(
            type=type(dataset).__name__,
            root=dataset.data_root,
            split=getattr(dataset, 'metainfo', {}).get('split') or getattr(dataset, 'split', None),
            images=len(dataset),
        ),
        data_root_variable=os.environ.get('MMWSOL_DATA_ROOT'),
        processes=get_world_size(),
        versions=package_versions(),
        machine=dict(
            system=platform.platform(),
            processor=platform.processor() or platform.machine(),
            device=torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu',
            threads=torch.get_num_threads(),
        ),
    )


def package_versions() -> dict[str, str]:
    versions = {'python': platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
