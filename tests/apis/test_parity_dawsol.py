from __future__ import annotations

from pathlib import Path

import pytest

from mmwsol.apis.parity import check_fixture


@pytest.mark.parametrize(
    ('name', 'expected', 'count'),
    [
        (
            'dawsol_losses',
            {'s0_kmeans_init', 's1_count', 's2_grad_loss_d', 's2_cluster_centers', 'mmd_full'},
            102,
        ),
        ('dawsol_resnet50', {'resnet50_lfm1_logits', 'inception_v3_lfm0_cam_224_s4'}, 32),
    ],
)
def test_every_quantity_equals_the_golden_run(
    shared_dir: Path, name: str, expected: set[str], count: int
) -> None:
    comparisons = list(check_fixture(shared_dir / 'golden' / f'{name}.npz'))
    assert not [str(comparison) for comparison in comparisons if not comparison.ok]
    assert expected <= {comparison.name for comparison in comparisons} and len(comparisons) == count
