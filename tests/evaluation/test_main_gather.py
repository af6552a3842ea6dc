from __future__ import annotations

import json
from pathlib import Path

import torch
from mmengine import dist as mmengine_dist
from torch import distributed as dist
from torch.multiprocessing.spawn import spawn

from mmwsol.evaluation import main_gather
from mmwsol.evaluation.main_gather import gather_on_main

VALUES = ['x' * 5, list(range(100)), 'y' * 64]  # in chunks of 16 bytes


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/init', rank=rank, world_size=len(VALUES))
    largest = 0

    def broadcast(chunk: torch.Tensor, source: int) -> None:
        nonlocal largest
        largest = max(largest, chunk.numel())
        mmengine_dist.broadcast(chunk, source)

    main_gather.CHUNK, main_gather.broadcast = 16, broadcast
    found = gather_on_main(VALUES[rank])
    Path(folder, str(rank)).write_text(json.dumps([found, largest]))
    dist.destroy_process_group()


def test_main_process_gets_all_in_chunks_and_the_others_nothing(tmp_path: Path) -> None:
    spawn(_rank, (str(tmp_path),), nprocs=len(VALUES))
    found = [json.loads((tmp_path / str(rank)).read_text()) for rank in range(len(VALUES))]
    assert found == [[VALUES, 16], [[], 16], [[], 16]]


def test_single_process_has_its_own() -> None:
    assert gather_on_main('a') == ['a']
