from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mmwsol.apis.parity_sat_evaluation import check_sat_evaluation


def _failed(g, **computed) -> list[str]:
    return [c.name for c in check_sat_evaluation(g, Path(), **computed) if not c.ok]


def test_boxes_thresholds_and_numbers_equal_the_golden_run(golden) -> None:
    g = golden('sat_eval_fixture')
    comparisons = list(check_sat_evaluation(g, Path()))
    assert not [str(comparison) for comparison in comparisons if not comparison.ok]
    lists = {c.name.split('/')[0] for c in comparisons if '/' in c.name}
    assert sorted(name[:4] for name in lists) == ['ten0', 'ten0', 'ten1']


def test_what_a_model_computed_takes_the_place_of_the_stored(golden) -> None:
    g = golden('sat_eval_fixture')
    scores = torch.from_numpy(g['logits_center']).softmax(dim=1)
    assert _failed(g, maps=torch.from_numpy(g['maps']), centre_scores=scores) == []
    flat = _failed(g, maps=torch.zeros(12, 14, 14))
    assert {'boxes', 'iou'} <= set(flat) and 'gt_boxes_crop' not in flat
    wrong = _failed(g, ten_crop_scores=torch.from_numpy(np.roll(g['tencrop_prob'], 1, axis=1)))
    assert wrong and all(name.startswith('ten1') for name in wrong)
