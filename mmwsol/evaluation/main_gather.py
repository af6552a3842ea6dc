"""Large objects of all processes, brought to the main one alone."""

from __future__ import annotations

import pickle
from typing import TypeVar

import torch
from mmengine.dist import all_gather_object, broadcast, get_rank, get_world_size

CHUNK = 16 << 20  # bytes that travel at a time

T = TypeVar('T')


def gather_on_main(value: T) -> list[T]:
    """What each rank holds, in their order, on the main process; an empty list on the others.

    ``all_gather_object`` leaves everything on every rank, and with NCCL in the memory of its device; here that
    is a chunk. Every rank must call it.
    """
    if get_world_size() == 1:
        return [value]
    rank = get_rank()
    content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL) if rank else b''
    values = [value]
    for source, size in enumerate(all_gather_object(len(content))):
        received = bytearray()
        for start in range(0, size, CHUNK):
            own = bytearray(content[start : start + CHUNK] if rank == source else min(CHUNK, size - start))
            chunk = torch.frombuffer(own, dtype=torch.uint8)
            broadcast(chunk, source)
            if rank == 0:
                received += own
        if rank == 0 and received:
            values.append(pickle.loads(received))
    return values if rank == 0 else []
