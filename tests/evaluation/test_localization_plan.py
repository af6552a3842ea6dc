from __future__ import annotations

import numpy as np
import pytest
import torch

from mmwsol.evaluation.localization import nearest_boxes, protocol_heatmaps, protocol_levels
from mmwsol.evaluation.localization_plan import LocalizationPlan
from mmwsol.evaluation.protocols import get_protocol


def _plan(*protocols, iou_thresholds=(30, 50, 70), interval=0.01) -> LocalizationPlan:
    return LocalizationPlan([get_protocol(p) for p in protocols], iou_thresholds, interval)


def test_protocols_with_one_heat_map_share_its_sweeps():
    plan = _plan('choe_v1', 'choe_v2', 'bas_ext', dict(name='bas_ext', threshold=0.2))
    assert list(plan.hit_shapes) == ['v1/0', 'v2/0', 'v1/1', 'v2/1', 'own/2', 'own/3']
    assert [plan.sweep(row) for row in range(4)] == ['v1/0', 'v2/0', 'own/2', 'own/3']
    assert plan.hit_shapes['v1/0'] == (3, 255)
    assert plan.hit_shapes['own/2'] == (3, 1)


def test_choe_boxes_on_another_map_are_still_standard():
    plan = _plan(dict(name='choe_v2', map_source='topk_mean', topk=5))
    assert plan.is_standard(0)
    assert not _plan(dict(name='choe_v2', component='largest_pixels')).is_standard(0)
    assert not _plan(dict(name='choe_v2', average='class')).is_standard(0)


@pytest.mark.parametrize(
    'switches', [dict(normalize='before_resize'), dict(minmax_eps=0.1), dict(constant_map='nan')]
)
def test_choe_boxes_on_a_map_that_does_not_span_its_range_are_not_standard(switches):
    plan = _plan('choe_v1', dict(name='choe_v1', **switches))
    assert (plan.sweep(0), plan.sweep(1)) == ('v1/0', 'own/1')


@pytest.mark.parametrize('switches', [dict(normalize='before_resize'), dict(minmax_eps=0.5)])
def test_hits_of_a_row_are_those_of_its_own_boxes(switches):
    """Level by level, with a bicubic map that overshoots, or one whose maximum the epsilon lowers."""
    protocol = get_protocol('choe_v1', **switches)
    plan = _plan(protocol)
    generator = torch.Generator().manual_seed(0)
    maps, labels = torch.rand(8, 1, 3, 3, generator=generator), torch.zeros(8, dtype=torch.long)
    gt = [np.array([[10, 8, 50, 52]])] * 8
    hits = dict(plan.hits(maps, labels[:, None], labels, (64, 64), {'trunc': gt}, None))['own/0']
    for level in (10, 45, 80):
        heatmaps = protocol_heatmaps(maps[:, 0], protocol, (64, 64))
        levels = protocol_levels(heatmaps, protocol, [plan.thresholds(0)[level]]).numpy()
        _, ious = nearest_boxes(levels, gt, protocol)
        np.testing.assert_array_equal(hits[:, plan.levels.index(50), level], ious >= 0.5)
    assert 0 < hits.mean() < 1


def test_second_rule_of_tscam_and_boxes_of_scm_have_sweeps_of_their_own():
    plan = _plan('tscam', 'scm', 'sat')
    assert [plan.sweeps(row) for row in range(3)] == [
        ['own/0', 'topk/0'],
        ['own/1', 'topk/1', 'any/1'],
        ['own/2'],
    ]
    assert plan.hit_shapes['any/1'] == (3, 100)
    assert not _plan(dict(name='choe_v1', map_source='topk_each', topk=5)).is_standard(0)


def _hits(plan, maps, map_labels, gt_label, box):
    boxes = {rounding: [np.array([box])] for rounding in plan.roundings()}
    hits = plan.hits(maps[None], torch.tensor([map_labels]), torch.tensor([gt_label]), (32, 32), boxes, 9)
    return {key: bool(value[0, plan.levels.index(50)].any()) for key, value in hits}


def test_half_overlap_is_known_but_not_located_by_tscam():
    maps = torch.zeros(1, 32, 32)
    maps[0, :10, :10] = 1  # the box 0 0 10 10 has 121 pixels if both edges count, the true one 242
    hits = _hits(_plan('tscam'), maps, [-1], 3, [0, 0, 10, 21])
    assert (hits['own/0'], hits['topk/0']) == (True, False)
    hits = _hits(_plan('tscam'), maps, [-1], 3, [0, 0, 10, 20])
    assert (hits['own/0'], hits['topk/0']) == (True, True)


@pytest.mark.parametrize(
    ('good', 'gt_label', 'expected'),
    [
        (7, 2, dict(own=True, topk=False, any=True)),  # the best class is wrong and its box right
        (2, 2, dict(own=False, topk=True, any=True)),  # the true class is second
        (4, 2, dict(own=False, topk=False, any=True)),  # right box of a wrong class in the third place
        (7, 7, dict(own=True, topk=True, any=True)),
        (5, 5, dict(own=False, topk=False, any=False)),  # the true class is sixth
    ],
)
def test_scm_asks_boxes_of_predicted_classes(good, gt_label, expected):
    order = [7, 2, 4, 1, 0]
    maps = torch.zeros(6, 32, 32)
    maps[:, 31, 31] = 1
    maps[[*order, gt_label].index(good)] = 0
    maps[[*order, gt_label].index(good), 4:20, 6:26] = 1
    if gt_label in order:
        maps[5] = maps[order.index(gt_label)]
    hits = _hits(_plan('scm'), maps, [*order, gt_label], gt_label, [6, 4, 26, 20])
    assert {key: hits[f'{key}/0'] for key in expected} == expected
    assert hits['v1/0'] == (good == gt_label)  # MaxBoxAcc is that of the true class's map


def test_names_of_rows_are_unique():
    assert _plan('bas', 'bas_ext', 'bas', 'bas').row_names == ['bas', 'bas_ext', 'bas#2', 'bas#3']


def test_fifty_percent_is_always_counted():
    assert _plan('choe_v2', iou_thresholds=(70, 30)).levels == (30, 50, 70)


@pytest.mark.parametrize('iou_thresholds', [(), (0.3, 0.5, 150), (0,)])
def test_iou_thresholds_are_percents(iou_thresholds):
    with pytest.raises(ValueError, match=r'IoU threshold|percents in'):
        _plan('choe_v2', iou_thresholds=iou_thresholds)


def test_a_sweep_of_its_own_agrees_with_the_shared_one():
    """The general path, at 100 thresholds, equals the 255 levels that all standard rows share."""
    plan = _plan('choe_v1', dict(name='choe_v1', average='class'), interval=0.01)
    maps = torch.rand(6, 1, 7, 7, generator=torch.Generator().manual_seed(0))
    gt = [np.array([[20, 20, 50, 60], [0, 5, 30, 30]])] * 6
    labels = torch.zeros(6, dtype=torch.long)
    hits = dict(plan.hits(maps, labels[:, None] - 1, labels, (64, 80), {'trunc': gt}, None))
    cuts = (plan.thresholds(0) * 255).astype(int)
    np.testing.assert_array_equal(hits['own/1'], hits['v1/0'][..., cuts])
    assert 0 < hits['own/1'].mean() < 1
