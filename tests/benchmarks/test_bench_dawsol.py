from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch


@pytest.fixture
def bench(repo_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    pytest.importorskip('sklearn')
    monkeypatch.syspath_prepend(str(repo_dir / 'benchmarks'))
    import bench_dawsol

    yield bench_dawsol
    sys.modules.pop('bench_dawsol', None)


def test_ours_equals_scikit_learn_and_the_loops(bench: ModuleType) -> None:
    row = bench.run(batch=6, channels=24, side=10, repeats=1, num_samples=8, backbone_steps=0, num_classes=3)
    differences = row['differences']
    assert differences.pop('accepted') >= 4
    assert max(differences.values()) < 1e-5
    assert row['ratio'] == pytest.approx(row['published_s'] / row['ours_s'])


def test_other_anchors_are_found_out(bench: ModuleType) -> None:
    published = bench.PublishedAssigner(3, 24, 8)
    ours = bench.TargetSampleAssigner(3, 24, 8)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    ours.universum_anchor += 2.0
    ours.universum_count += 5
    with pytest.raises(RuntimeError, match='differ'):
        bench.check(published, ours, bench.MMDLoss(), bench.draw_features(labels, 24, 10, 0), labels)


def test_backbone_step_has_the_map_of_the_benchmark(bench: ModuleType) -> None:
    step = bench.resnet50_step(batch=2, input_size=64, device='cpu')
    assert step().isfinite()
