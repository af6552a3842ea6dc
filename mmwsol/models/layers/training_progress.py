"""Where the running MMEngine training loop stands, for modules that change with it."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.dist import broadcast
from mmengine.logging import MessageHub


def current_epoch() -> int | None:
    """Index of the running epoch, from 0; None outside of a training loop."""
    return _running_info('epoch')


def training_progress() -> float:
    """Share of the loop's iterations that are done, in [0, 1); 0 outside of a training loop."""
    return (_running_info('iter') or 0) / (_running_info('max_iters') or 1)


def planned_epochs() -> int | None:
    """Epochs of the running training loop, 1 if it counts iterations alone; None outside of one."""
    return _running_info('max_epochs')


def common_draw() -> float:
    """A number in [0, 1) that all processes of a run get alike, another in each iteration; a resumed run repeats it.

    The seed is that of the first process, which the others, with one of their own under ``diff_rank_seed``, ask for once.
    """
    hub = MessageHub.get_current_instance()
    if hub.get_info('common_seed') is None:
        seed = torch.tensor(hub.get_info('seed') or 0)
        broadcast(seed)
        hub.update_info('common_seed', int(seed), resumed=False)
    words = [hub.get_info('common_seed'), _running_info('iter') or 0]
    return float(np.random.default_rng(words).random())


def _running_info(key: str) -> int | None:
    hub = MessageHub.get_current_instance()
    return hub.get_info(key) if hub.get_info('loop_stage') is not None else None
