from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmwsol.apis.parity import check_fixture


@pytest.mark.parametrize(
    'name', ['postproc', 'evaluator_top1', pytest.param('evaluator_box', marks=pytest.mark.slow)]
)
def test_every_quantity_equals_the_golden_run(shared_dir: Path, name: str) -> None:
    comparisons = list(check_fixture(shared_dir / 'golden' / f'{name}.npz'))
    assert comparisons and not [str(comparison) for comparison in comparisons if not comparison.ok]


def test_changed_count_is_noticed(shared_dir: Path, tmp_path: Path) -> None:
    with np.load(shared_dir / 'golden' / 'postproc.npz') as fixture:
        arrays = dict(fixture)
    arrays['boxes_ext'] = arrays['boxes_ext'].copy()
    arrays['boxes_ext'][0, 0, 0] += 1
    np.savez(tmp_path / 'postproc.npz', **arrays)
    failed = [comparison.name for comparison in check_fixture(tmp_path / 'postproc.npz') if not comparison.ok]
    assert failed == ['boxes_ext']
