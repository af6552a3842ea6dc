from __future__ import annotations

from pathlib import Path

from mmwsol.apis.parity import check_fixture


def test_every_quantity_equals_the_golden_run(shared_dir: Path) -> None:
    comparisons = list(check_fixture(shared_dir / 'golden' / 'sat_tiny_d48_p16_224.npz'))
    assert not [str(comparison) for comparison in comparisons if not comparison.ok]
    names = {comparison.name for comparison in comparisons}
    assert {
        'masks_all_layers',
        'gradient norms',
        'group0 weight decay',
        'step_delta_l2',
        'boxes',
        'ious',
    } <= names
