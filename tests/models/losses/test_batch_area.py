from __future__ import annotations

from pathlib import Path

import pytest
import torch
from two_processes import run_in_two_processes

from mmwsol.models.losses import BatchAreaLoss

MAPS = [torch.full((2, 1, 3, 3), 0.1), torch.full((2, 1, 3, 3), 0.3)]


def test_distance_is_taken_once_of_the_batch_mean() -> None:
    maps = torch.cat([torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.5)])
    assert BatchAreaLoss(0.25)(maps).item() == 0.0
    assert BatchAreaLoss(0.1, loss_weight=2.0)(maps).item() == pytest.approx(0.3)


def test_gradient_of_every_pixel_is_the_same() -> None:
    maps = torch.rand(2, 1, 4, 4, requires_grad=True)
    BatchAreaLoss(0.9)(maps).backward()
    torch.testing.assert_close(maps.grad, torch.full_like(maps, -1 / 32))


def test_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match="'global' or 'per_rank', got 'mean'"):
        BatchAreaLoss(reduction='mean')


def measure(rank: int, out: str) -> None:
    found = []
    for reduction in ('global', 'per_rank'):
        maps = MAPS[rank].clone().requires_grad_()
        loss = BatchAreaLoss(0.15, reduction)(maps)
        loss.backward()
        found += [loss.item(), maps.grad[0, 0, 0, 0].item() * maps.numel()]
    torch.save(found, f'{out}/{rank}')


def test_global_area_is_that_of_all_processes_and_per_rank_each_ones_own(tmp_path: Path) -> None:
    run_in_two_processes(measure, tmp_path, str(tmp_path))
    first, second = (torch.load(f'{tmp_path}/{rank}', weights_only=True) for rank in (0, 1))
    # the mean of both is 0.2: both shrink; alone, 0.1 grows and 0.3 shrinks
    assert first == pytest.approx([0.05, 1.0, 0.05, -1.0]) and second == pytest.approx([0.05, 1.0, 0.15, 1.0])
