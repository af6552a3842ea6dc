from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmwsol.apis.parity import check_fixture
from mmwsol.apis.parity_tscam import vit_weights


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        (
            'tscam_tiny',
            {'attn_cls_rows', 'tscam_thr0.1_gtclass_box', 'cams', 'f64/grad_total_norm', 'tscam_map224_top1'},
        ),
        ('scm_conformer_tiny', {'cams', 'grad_l2', 'f64/grad_l2', 'f64/grad/layers.0.thred'}),
        (
            'scm_tiny',
            {
                'scm_boxes_top5_thr',
                'block3/mask',
                'pert/block0/diffused',
                'f64/pert/block3/grad_theta',
                'pred_map',
            },
        ),
    ],
)
def test_every_quantity_equals_the_golden_run(shared_dir: Path, name: str, expected: set[str]) -> None:
    comparisons = list(check_fixture(shared_dir / 'golden' / f'{name}.npz'))
    assert not [str(comparison) for comparison in comparisons if not comparison.ok]
    assert expected <= {comparison.name for comparison in comparisons}


def test_perturbation_moves_the_scalars_of_the_diffusion_only(golden: Callable) -> None:
    fixture = golden('scm_tiny')
    plain, moved = vit_weights(fixture), vit_weights(fixture, perturb=True)
    different = {name for name in plain if not np.array_equal(plain[name], moved[name])}
    assert different == {name for name in plain if name.startswith('layers.')}
