from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def bench(repo_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(repo_dir / 'benchmarks'))
    import bench_evaluation

    yield bench_evaluation
    sys.modules.pop('bench_evaluation', None)


def test_drawn_samples_are_the_same_in_every_process(bench: ModuleType) -> None:
    once, again = bench.draw_batch(3, seed=1), bench.draw_batch(3, seed=1)
    assert [s['sample_idx'] for s in once] == list(range(3 * bench.BATCH, 4 * bench.BATCH))
    assert all((a['pred_maps'] == b['pred_maps']).all() for a, b in zip(once, again))
    assert all((s['ori_bboxes'] <= np.array([500, 375, 500, 375])).all() for s in once)


def test_two_processes_find_the_numbers_of_one(bench: ModuleType) -> None:
    one = bench.evaluate(images=4 * bench.BATCH, seed=0)
    for result in bench.run(4 * bench.BATCH, world=2):
        assert result['summary'] == one['summary']
        assert result['peak'] >= max(result['memory']) > 0


def test_shares_of_unequal_size_are_refused(bench: ModuleType) -> None:
    with pytest.raises(ValueError, match='images must be a multiple of 100, got 150'):
        bench.run(150, world=2)
