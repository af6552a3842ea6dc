from __future__ import annotations

from pathlib import Path

import numpy as np

from mmwsol.apis.parity import check_fixture


def test_pictures_boxes_and_labels_equal_the_golden_run(shared_dir: Path) -> None:
    comparisons = list(check_fixture(shared_dir / 'golden' / 'data_pipeline.npz'))
    assert len(comparisons) == 7
    assert not [str(comparison) for comparison in comparisons if not comparison.ok]


def test_changed_pixel_is_noticed(shared_dir: Path, tmp_path: Path) -> None:
    with np.load(shared_dir / 'golden' / 'data_pipeline.npz') as fixture:
        arrays = dict(fixture)
    arrays['cub1_image'][:8, :8] ^= 128
    np.savez(tmp_path / 'data_pipeline.npz', **arrays)
    failed = [c.name for c in check_fixture(tmp_path / 'data_pipeline.npz') if not c.ok]
    assert failed == ['cub1_tensor_s4']
