"""A function on two processes of one gloo group, as the ranks of a distributed run have it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

LIMIT = timedelta(seconds=180)


def run_in_two_processes(function: Callable[..., None], folder: Path, *args: Any) -> None:
    """``function(rank, *args)`` in each, on one thread; what it finds out goes to files.

    Raises:
        ProcessRaisedException: with the traceback of the process that failed.
        TimeoutError: they took too long, and were ended.
    """
    address = f'file://{folder}/process_group'
    context = start_processes(
        _in_group, (function, address, args), nprocs=2, join=False, start_method='spawn'
    )
    deadline = time.monotonic() + LIMIT.total_seconds()
    while not context.join(timeout=1):
        if time.monotonic() > deadline:
            for process in context.processes:
                process.kill()
            raise TimeoutError(f'{function.__name__} ran longer than {LIMIT} in two processes')


def _in_group(rank: int, function: Callable[..., None], address: str, args: tuple) -> None:
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=address, rank=rank, world_size=2, timeout=LIMIT / 3)
    function(rank, *args)
    # A DDP model must go before the group: the last owner waits for the group's threads, and a model does so while
    # it holds the lock of Python that they need.
    gc.collect()
    dist.destroy_process_group()
