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


def test_pictures_through_pipeline_model_and_evaluation_give_the_golden_numbers(shared_dir: Path) -> None:
    comparisons = list(check_fixture(shared_dir / 'golden' / 'sat_eval_fixture.npz'))
    assert not [str(comparison) for comparison in comparisons if not comparison.ok]
    names = {comparison.name for comparison in comparisons}
    assert {'input_center_first2', 'logits_center', 'tencrop_prob', 'boxes', 'gt_boxes_crop'} <= names
    assert sum(name.endswith('/returned') for name in names) == 3
