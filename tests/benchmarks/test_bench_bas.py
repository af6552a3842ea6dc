from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from mmengine.registry import DefaultScope


@pytest.fixture
def bench_bas(repo_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(repo_dir / 'benchmarks'))
    with DefaultScope.overwrite_default_scope('mmwsol'):
        import bench_bas

        yield bench_bas
    sys.modules.pop('bench_bas', None)


def test_our_step_has_the_losses_of_the_published_procedure(bench_bas: ModuleType) -> None:
    losses = bench_bas.run('mobilenetv1', classes=20, batch=2, repeats=1, input_size=64)['losses']
    assert losses['ours'] == pytest.approx(losses['published'], rel=1e-4)


@pytest.mark.parametrize(('classes', 'ratio'), [(200, 1.26), (1000, 1.60)])
def test_multiplications_are_those_of_the_specification(
    bench_bas: ModuleType, classes: int, ratio: float
) -> None:
    model = bench_bas.build_model('mobilenetv1', classes)
    assert bench_bas.multiplications(model, 224)['ratio'] == pytest.approx(ratio, abs=0.02)
