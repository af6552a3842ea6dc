"""Narrow repairs to released dependencies. Each one does nothing where the dependency is healthy.

============================ ================================================ =====================================
repair                       broken in                                        unnecessary with
============================ ================================================ =====================================
``ensure_torchvision``       torchvision's CUDA wheel beside a CPU torch      a torchvision wheel built for that torch
``register_safe_loader``     mmengine <= 0.10.7 under torch >= 2.6            an mmengine release with PR #1639/#1650
``prepare_cpu_distributed``  mmengine <= 0.10.7: ``init_dist`` calls CUDA     an mmengine that asks for a GPU first
``repair_installed_path``    mmengine <= 0.10.7 with editable installs        PR #1676 (importlib instead of pkg_resources)
============================ ================================================ =====================================
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import torch

_HISTORY_STATISTICS = ('current', 'max', 'mean', 'min')


def ensure_torchvision() -> None:
    """Make ``import torchvision`` work where its compiled operators cannot be loaded.

    torchvision registers fake kernels for ``nms`` and ``qnms`` unconditionally; without its binary their schemas are
    missing and the import dies, and with it timm, mmpretrain and MMEngine's Runner. Defining the two schemas is enough.
    The operators themselves stay unavailable, nothing in mmwsol uses them.
    """
    try:
        importlib.import_module('torchvision')
        return
    except RuntimeError as error:
        if 'torchvision::nms' not in str(error):
            raise
    for name in [name for name in sys.modules if name.split('.')[0] == 'torchvision']:
        del sys.modules[name]
    library = torch.library.Library('torchvision', 'DEF')
    library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    library.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    ensure_torchvision._library = library  # type: ignore[attr-defined]  # the schemas live as long as this object
    importlib.import_module('torchvision')


def _history_statistic(obj: Any, name: str) -> Any:
    """The only ``getattr`` a checkpoint may ask for: the registered statistics of MMEngine's HistoryBuffer."""
    from mmengine.logging import HistoryBuffer

    if (obj is not HistoryBuffer and not isinstance(obj, HistoryBuffer)) or name not in _HISTORY_STATISTICS:
        raise pickle.UnpicklingError(
            f'the checkpoint asks for getattr({obj!r}, {name!r}), which is not allowed'
        )
    return getattr(obj, name)


def _allowed_globals() -> list[Any]:
    """What MMEngine's message hub puts into its checkpoints besides tensors and plain containers."""
    import numpy as np
    from mmengine.logging import HistoryBuffer

    reconstruct = getattr(np, '_core', None) or np.core
    multiarray = importlib.import_module(f'{reconstruct.__name__}.multiarray')
    allowed: list[Any] = [HistoryBuffer, np.ndarray, np.dtype, (_history_statistic, 'builtins.getattr')]
    for package in ('numpy.core', 'numpy._core'):  # written by numpy 1 and by numpy 2
        allowed.append((multiarray._reconstruct, f'{package}.multiarray._reconstruct'))
        allowed.append((multiarray.scalar, f'{package}.multiarray.scalar'))
    kinds = (np.bool_, np.int32, np.int64, np.uint8, np.float16, np.float32, np.float64)
    return allowed + [type(np.dtype(kind)) for kind in kinds]


def load_checkpoint_file(filename: str | Path, map_location: Any = None) -> Any:
    """``torch.load`` with ``weights_only=True`` and an allow-list for MMEngine's own checkpoints.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is cut off or is no checkpoint, or it holds objects that could run code.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    serialization = torch.serialization
    allow: contextlib.AbstractContextManager = contextlib.nullcontext()
    if hasattr(serialization, 'safe_globals'):
        allow = serialization.safe_globals(_allowed_globals())
    elif hasattr(serialization, 'add_safe_globals'):
        serialization.add_safe_globals(_allowed_globals())
    try:
        with allow:
            return torch.load(path, map_location=map_location, weights_only=True)
    except (EOFError, RuntimeError, OSError, pickle.UnpicklingError, KeyError) as error:
        hint = 'it is damaged (cut off while being written or copied?)'
        if 'unsupported global' in str(error).lower() or 'not allowed' in str(error):
            hint = 'it holds Python objects that are not loaded for safety; save tensors and plain containers only'
        raise ValueError(
            f'cannot read checkpoint {path} ({path.stat().st_size} bytes): {hint}. To go on from the newest readable '
            f'checkpoint of the same folder use `--resume previous`. The reader said: {error}'
        ) from error


def _load_from_local(filename: str, map_location: Any = None) -> Any:
    return load_checkpoint_file(filename, map_location)


def _load_from_http(filename: str, map_location: Any = None, **_: Any) -> Any:
    """Download once a node into torch's hub folder, then load safely."""
    from mmengine.dist import barrier, get_local_rank

    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    path = folder / filename.rsplit('/', 1)[-1].split('?', 1)[0]
    if get_local_rank() == 0 and not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(filename, str(path))
    barrier()
    return load_checkpoint_file(path, map_location)


def register_safe_loader() -> None:
    """Make MMEngine read checkpoints with ``weights_only=True`` and the allow-list above."""
    from mmengine.runner.checkpoint import CheckpointLoader

    CheckpointLoader.register_scheme('', _load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), _load_from_http, force=True)


def prepare_cpu_distributed(cfg: Any, launcher: str) -> None:
    """Let a Runner with ``launcher`` start on machines without a GPU: gloo, and DDP without device ids.

    With a GPU this changes nothing. ``cfg`` is the run's config and gets a ``model_wrapper_cfg``.
    """
    if launcher == 'none' or torch.cuda.is_available():
        return
    if launcher != 'pytorch':
        raise ValueError(
            f"distributed runs without a GPU need launcher 'pytorch' (torchrun), got {launcher!r}"
        )
    if not torch.distributed.is_initialized():
        if os.environ.get('MASTER_ADDR', 'localhost') in ('127.0.0.1', 'localhost'):
            os.environ.setdefault('GLOO_SOCKET_IFNAME', 'lo')
        torch.distributed.init_process_group('gloo')
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)
    wrapper['find_unused_parameters'] = cfg.get('find_unused_parameters', False)
    cfg.model_wrapper_cfg = wrapper


def repair_installed_path() -> None:
    """Let configs inherit from packages installed with ``pip install -e`` (``from mmwsol.configs... import *``).

    MMEngine looks for an editable package in site-packages, where it is not.
    """
    from mmengine.config import config as config_module

    original = config_module.get_installed_path

    def get_installed_path(package: str) -> str:
        path = original(package)
        spec = None if os.path.isdir(path) else importlib.util.find_spec(package)
        return spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else path

    config_module.get_installed_path = get_installed_path


def apply() -> None:
    """All repairs that have to stand before timm, mmpretrain or a Runner is imported."""
    ensure_torchvision()
    register_safe_loader()
    repair_installed_path()
