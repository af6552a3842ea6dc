from __future__ import annotations

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmwsol.registry import FUNCTIONS, HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed every random stream anew at the start of each epoch from (run seed, epoch, rank).

    An epoch's crops, flips, dropout and everything else random then depend on nothing that came before it, so a run
    that was killed and resumed from the last epoch's checkpoint repeats the uninterrupted run's losses. Data loader
    workers take their seeds from torch's stream (``worker_init_fn=dict(type='mmwsol.seed_worker')``) and must not be
    persistent.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        sequence = np.random.SeedSequence([runner.seed or 0, runner.epoch, get_rank()])
        seed = int(sequence.generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        if getattr(runner.train_dataloader, 'persistent_workers', False):
            raise ValueError(
                'persistent data loader workers keep their random state over epochs, a resumed run could not repeat '
                'it: set train_dataloader.persistent_workers=False'
            )


@FUNCTIONS.register_module()
def seed_worker(worker_id: int, **_) -> None:
    """Seed a data loader worker's ``random`` and ``numpy`` from the seed that torch gave it for this epoch."""
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)
    torch.set_num_threads(1)
