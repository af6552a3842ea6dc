from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmwsol.apis.parity import check_fixture

INPUTS = {
    'labels',
    'num_classes',
    'weight_seed',
    'input_seed',
    'input_rule',
    'spg_thresholds',
    'acol_threshold',
}
INPUTS |= {'has_in', 'cutmix_seed'}


@pytest.mark.slow
def test_every_array_of_the_file_is_compared_and_equals_the_golden_run(shared_dir: Path) -> None:
    path = shared_dir / 'golden' / 'wsol_models.npz'
    comparisons = list(check_fixture(path))
    assert not [str(comparison) for comparison in comparisons if not comparison.ok]
    with np.load(path, allow_pickle=False) as fixture:
        keys = {key for key in fixture.files if not key.endswith(('_state_names', '_state_shapes'))}
    assert {comparison.name for comparison in comparisons} == keys - INPUTS
