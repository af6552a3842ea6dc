"""Weights from a local file, a URL or a timm name into a module whose layers have the same or another naming."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule, PretrainedInit
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

HINT = (
    'Put the file there, name another one with `--cfg-options model.backbone.init_cfg.checkpoint=FILE` (list form: '
    'model.backbone.init_cfg.0.checkpoint), or start from random weights with `--random-weights`.'
)


def resolve_weights_path(checkpoint: str) -> str:
    """A path as it is if it exists, else below ``MMWSOL_WEIGHTS_ROOT`` (default ``weights/``); URLs unchanged.

    Raises:
        FileNotFoundError: neither place has the file.
    """
    if '://' in checkpoint:
        return checkpoint
    path = Path(checkpoint).expanduser()
    root = Path(os.environ.get('MMWSOL_WEIGHTS_ROOT', 'weights'))
    for candidate in (path, root / path):
        if candidate.is_file():
            return str(candidate)
    raise FileNotFoundError(
        f'pretrained weights {checkpoint} are neither at {path.absolute()} nor at {(root / path).absolute()} '
        f'(MMWSOL_WEIGHTS_ROOT={root}). {HINT}'
    )


def read_state_dict(checkpoint: str) -> dict[str, Tensor]:
    """Named tensors of a checkpoint: local path, ``http(s)://``, ``torchvision://NAME`` or ``timm://NAME``."""
    path = resolve_weights_path(checkpoint)
    try:
        if path.startswith('timm://'):
            import timm

            return timm.create_model(path.removeprefix('timm://'), pretrained=True).state_dict()
        content = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    except (URLError, ConnectionError, TimeoutError, RuntimeError) as error:
        if path.startswith(('http', 'timm://', 'torchvision://')):
            raise ConnectionError(
                f'cannot download pretrained weights {checkpoint} ({error}). Fetch the file on a machine with network. '
                f'{HINT}'
            ) from error
        raise
    return plain_state_dict(content)


def plain_state_dict(content: Mapping) -> dict[str, Tensor]:
    """The tensors of a checkpoint without its wrapping: ``state_dict``/``model`` entries, ``module.`` prefixes."""
    for key in ('state_dict', 'model', 'model_state_dict'):
        if isinstance(content.get(key), Mapping):
            content = content[key]
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(f'the checkpoint holds no named tensors; its keys are {list(content)[:8]}')
    for prefix in ('module.', 'backbone.'):
        if any(key.startswith(prefix) for key in tensors):
            tensors = {
                k.removeprefix(prefix): v
                for k, v in tensors.items()
                if k.startswith(prefix) or prefix == 'module.'
            }
    return tensors


def load_pretrained_weights(
    module: nn.Module,
    checkpoint: str,
    match: str = 'name',
    adapt: Callable[[dict[str, Tensor]], Mapping[str, Tensor]] | None = None,
    rename: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
) -> None:
    """Copy a checkpoint into ``module`` (half precision is widened).

    Args:
        rename: beginnings of the names in the file and what stands in their place here, ``{'head.': 'fc.'}``.
        adapt: brings what the file holds into the module's names and shapes first.
        only: beginnings of the module's names that are taken, ``['semantic.bias']``; the others stay as they are.
        match: ``name`` copies equal names of equal shape, what else the checkpoint holds (a classifier) is left;
            ``position`` ignores the names: the n-th tensor of the checkpoint goes to the n-th of the module, batch
            counters left out, until the module is full.

    Raises:
        ValueError: the checkpoint does not fill the module, with the first entries that differ.
    """
    source = read_state_dict(checkpoint)
    for old, new in (rename or {}).items():
        source = {new + k.removeprefix(old) if k.startswith(old) else k: v for k, v in source.items()}
    if adapt is not None:
        source = dict(adapt(source))
    own = {
        key: value
        for key, value in module.state_dict().items()
        if not key.endswith('num_batches_tracked') and (only is None or key.startswith(tuple(only)))
    }
    if match == 'position':
        values = [value for key, value in source.items() if not key.endswith('num_batches_tracked')]
        source = dict(zip(own, values))
    elif match != 'name':
        raise ValueError(f"match must be 'name' or 'position', got {match!r}")
    wrong = [key for key in own if key not in source or source[key].shape != own[key].shape]
    if wrong:
        key = wrong[0]
        found = tuple(source[key].shape) if key in source else 'nothing'
        raise ValueError(
            f'{checkpoint} does not fit {type(module).__name__}: {len(wrong)} of {len(own)} tensors are missing or of '
            f'another shape, first {key}: expected {tuple(own[key].shape)}, got {found}. The file starts with '
            f"{list(source)[:3]}; match='position' loads files with other names but the same layer order."
        )
    with torch.no_grad():
        for key, value in own.items():
            value.copy_(source[key])
    print_log(f'{type(module).__name__}: {len(own)} tensors from {checkpoint}', logger='current')


class PretrainedModule(BaseModule):
    """A module whose ``init_cfg`` may name pretrained weights among its random initialisers.

    ``dict(type='Pretrained', checkpoint=..., match='name' | 'position', rename={...}, only=[...])`` goes to
    :meth:`load_pretrained`.
    """

    def load_pretrained(self, **config: Any) -> None:
        load_pretrained_weights(self, **config)

    def init_weights(self) -> None:
        """Random initialisers first, then the pretrained weights over them."""
        declared: Any = self.init_cfg
        configs: list[dict[str, Any]] = [declared] if isinstance(declared, dict) else list(declared or ())
        pretrained = [config for config in configs if config['type'] in ('Pretrained', PretrainedInit)]
        if self.is_init:
            return
        self.init_cfg: Any = [config for config in configs if config not in pretrained] or None
        super().init_weights()
        self.init_cfg = declared
        for config in pretrained:
            self.load_pretrained(**{k: v for k, v in config.items() if k != 'type'})
        self._is_init = True
