from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mmwsol.engine.hooks import EpochSeedHook, seed_worker


def make_runner(seed: int | None = 6, epoch: int = 0, persistent: bool = False) -> SimpleNamespace:
    return SimpleNamespace(
        seed=seed, epoch=epoch, train_dataloader=SimpleNamespace(persistent_workers=persistent)
    )


def streams(seed: int | None = 6, epoch: int = 0) -> tuple[float, float, float]:
    """First draw of each random stream in an epoch."""
    EpochSeedHook().before_train_epoch(make_runner(seed, epoch))
    return random.random(), float(np.random.rand()), torch.rand(()).item()


def test_equal_seed_epoch_and_rank_repeat_all_streams_whatever_came_before() -> None:
    first = streams()
    for _ in range(7):
        random.random(), np.random.rand(), torch.rand(3)
    assert streams() == first


def test_epochs_seeds_and_ranks_differ_in_every_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = [streams(6, 0), streams(6, 1), streams(7, 0)]
    monkeypatch.setattr('mmwsol.engine.hooks.epoch_seed_hook.get_rank', lambda: 1)
    draws.append(streams(6, 0))
    assert all(len(set(stream)) == len(draws) for stream in zip(*draws))


def test_neighbours_on_a_grid_of_seeds_and_epochs_do_not_collide() -> None:
    draws = {streams(seed, epoch)[2] for seed in range(6) for epoch in range(6)}
    assert len(draws) == 36


def test_run_without_seed_counts_as_seed_zero() -> None:
    assert streams(None) == streams(0)


def test_persistent_workers_are_refused() -> None:
    with pytest.raises(ValueError, match=r'train_dataloader\.persistent_workers=False'):
        EpochSeedHook().before_train_epoch(make_runner(persistent=True))


class Draws(Dataset):
    """Every item is one draw of each stream."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), torch.rand(()).item()


def test_workers_differ_within_an_epoch_and_repeat_with_it() -> None:
    def epoch(number: int) -> list[tuple[float, ...]]:
        EpochSeedHook().before_train_epoch(make_runner(epoch=number))
        loader = DataLoader(Draws(), batch_size=None, num_workers=2, worker_init_fn=seed_worker)
        return [tuple(draws) for draws in loader]

    first = epoch(0)
    assert epoch(0) == first
    assert all(len(set(stream)) == 4 for stream in zip(*first))
    assert not set(first) & set(epoch(1))


def test_mmengines_worker_arguments_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, 'set_num_threads', lambda count: None)
    seed_worker(0, num_workers=2, rank=0, seed=6, disable_subprocess_warning=False)
