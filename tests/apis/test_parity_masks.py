from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmwsol.apis.parity import check_fixture


def test_every_quantity_equals_the_golden_run(shared_dir: Path) -> None:
    comparisons = list(check_fixture(shared_dir / 'golden' / 'evaluator_mask.npz'))
    assert len(comparisons) == 13  # gt_masks, and for both intervals edges, two histograms and three numbers
    assert not [str(comparison) for comparison in comparisons if not comparison.ok]


@pytest.mark.parametrize(
    ('key', 'index', 'noticed'),
    [
        ('mask_07_0', np.s_[:], 'gt_masks'),
        ('ignore_01', np.s_[:], 'gt_masks'),
        ('true_hist_001', 3, 'true_hist_001'),
        ('da_iou_curve_01', 50, 'da_iou_curve_01'),
    ],
)
def test_changed_value_is_noticed(
    shared_dir: Path, tmp_path: Path, key: str, index: object, noticed: str
) -> None:
    with np.load(shared_dir / 'golden' / 'evaluator_mask.npz') as fixture:
        arrays = dict(fixture)
    arrays[key] = arrays[key].copy()
    arrays[key][index] += 1
    np.savez(tmp_path / 'mask.npz', **arrays)
    failed = [comparison.name for comparison in check_fixture(tmp_path / 'mask.npz') if not comparison.ok]
    assert noticed in failed
