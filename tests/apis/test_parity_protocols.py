from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmwsol.apis.parity import check_fixture
from mmwsol.apis.parity_protocols import compare_scm_protocol, compare_tscam_protocol, parse_boxes


def _failed(comparisons) -> list[str]:
    comparisons = list(comparisons)
    assert comparisons
    return [comparison.name for comparison in comparisons if not comparison.ok]


def test_every_quantity_of_both_protocols_equals_the_golden_run(shared_dir: Path) -> None:
    assert _failed(check_fixture(shared_dir / 'golden' / 'eval_protocol.npz')) == []


def test_changed_box_and_count_are_noticed(shared_dir: Path, tmp_path: Path) -> None:
    with np.load(shared_dir / 'golden' / 'eval_protocol.npz') as fixture:
        arrays = dict(fixture)
    arrays['tscam_thr0.12_gtclass_box'][3, 2] += 1
    arrays['scm_det70'][1, 40] += 1
    np.savez(tmp_path / 'eval_protocol.npz', **arrays)
    assert _failed(check_fixture(tmp_path / 'eval_protocol.npz')) == [
        'tscam_thr0.12_gtclass_box',
        'scm_det70',
    ]


@pytest.mark.parametrize(('name', 'maps'), [('tscam_tiny', 'cams'), ('scm_tiny', 'pred_map')])
def test_protocols_on_the_stored_maps_of_a_model_equal_the_golden_run(golden, name: str, maps: str) -> None:
    g = golden(name)
    boxes = [parse_boxes(text) for text in g['gt_boxes']]
    stored = torch.from_numpy(g[maps]), torch.from_numpy(g['logits']), g['labels'], boxes
    assert _failed(compare_tscam_protocol(g, *stored)) == []
    if name == 'scm_tiny':
        assert _failed(compare_scm_protocol(g, *stored)) == []
