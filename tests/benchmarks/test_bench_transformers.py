from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from mmengine.registry import DefaultScope


@pytest.fixture
def bench(repo_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(repo_dir / 'benchmarks'))
    with DefaultScope.overwrite_default_scope('mmwsol'):
        import bench_transformers

        yield bench_transformers
    sys.modules.pop('bench_transformers', None)


@pytest.mark.parametrize('method', ['sat', 'tscam', 'scm'])
def test_our_step_has_the_losses_of_the_published_procedure(bench: ModuleType, method: str) -> None:
    losses = bench.run(method, size='tiny', batch=2, repeats=1, num_classes=20)['losses']
    assert losses['ours'] == pytest.approx(losses['published'], rel=1e-4)


def test_memory_is_measured_in_a_process_of_its_own(bench: ModuleType) -> None:
    published, ours = (bench.peak_memory('tscam', name, 'tiny', 12) for name in ('published', 'ours'))
    assert published > ours > 0
