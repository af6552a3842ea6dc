from __future__ import annotations

import numpy as np

from mmwsol.evaluation.localization_plan import LocalizationPlan
from mmwsol.evaluation.localization_report import (
    format_localization_table,
    localization_summary,
    summary_metrics,
)
from mmwsol.evaluation.protocols import get_protocol


def _counters(plan: LocalizationPlan, images: int = 10) -> dict:
    """Ten images of two classes (8 and 2), and no hits yet."""
    counters = {key: np.zeros((3, *shape), int) for key, shape in plan.hit_shapes.items()}
    for sweep in (sweep for row in plan.class_averaged() for sweep in plan.sweeps(row)):
        counters[f'{sweep}/class'] = np.zeros((2, 3, *plan.hit_shapes[sweep]), int)
    return counters | dict(
        images=images,
        boxed=images,
        unranked=0,
        per_class=np.array([8, 2]),
        ranked=np.array([[4, 8], [2, 2]]),
        whole=np.array([9, 5, 1]),
        gt_size=np.array([300, 200, 10]),
    )


def _plan(*protocols) -> LocalizationPlan:
    return LocalizationPlan([get_protocol(p) for p in protocols], (30, 50, 70), 0.001)


def _row(plan, counters, row=0):
    summary = localization_summary(plan, counters, np.array([10, 7, 2]), (30.0, 20.0))
    return summary['rows'][row]


def test_oracle_takes_each_number_at_its_own_threshold():
    plan = _plan('choe_v2')
    counters = _counters(plan)
    counters['v2/0'][0, :, 100] = 9, 6, 1
    counters['v2/0'][0, :, 51] = 8, 7, 3
    counters['v2/0'][1, 1, 100] = 5  # Top-1 Loc is best elsewhere
    row = _row(plan, counters)
    assert (row['GT-known'], row['Top-1 Loc'], row['Top-5 Loc']) == (70, 50, 0)
    assert [row[f'MaxBoxAccV2@{level}'] for level in (30, 50, 70)] == [90, 70, 30]
    assert row['MaxBoxAccV2'] == 190 / 3
    assert (row['threshold'], row['threshold_source']) == (0.2, 'oracle per level')  # int(0.2 * 255) = 51
    assert 'IoU@50' not in row


def test_fixed_threshold_reports_its_own_levels():
    plan = _plan('bas_ext')
    counters = _counters(plan)
    counters['own/0'][:, :, 0] = [9, 6, 3], [5, 4, 2], [8, 5, 3]
    row = _row(plan, counters)
    assert (row['GT-known'], row['Top-1 Loc'], row['Top-5 Loc']) == (60, 40, 50)
    assert (row['IoU@30'], row['IoU@50'], row['IoU@70'], row['IoU']) == (90, 60, 30, 60)
    assert (row['threshold'], row['threshold_source']) == (0.1, 'fixed')


def test_transferred_threshold_has_the_best_mean_over_the_levels_and_no_oracle_beside_it():
    plan = _plan(dict(name='strict', thresholds=[0.1, 0.2, 0.3, 0.4]))
    assert set(plan.hit_shapes) == {'own/0'}
    counters = _counters(plan)
    counters['own/0'][0] = [[9, 9, 8, 8], [6, 5, 7, 7], [1, 3, 3, 3]]  # levels x thresholds
    counters['own/0'][1, 1] = [6, 5, 2, 1]
    row = _row(plan, counters)
    assert (row['threshold'], row['threshold_source']) == (0.3, 'val')  # 18 hits as 0.4, and the first
    assert (row['GT-known'], row['Top-1 Loc'], row['IoU']) == (70, 20, 60)
    assert not any(key.startswith('MaxBox') for key in row)
    text = format_localization_table(localization_summary(plan, counters, np.array([10, 7, 2]), (30.0, 20.0)))
    assert 'oracle' not in text.replace('oracle size', '')  # but for the size of the centre box


def test_oracle_chooses_by_the_rule_of_validation():
    plan = _plan(dict(name='strict', thresholds=[0.1, 0.2], threshold_source='oracle'))
    counters = _counters(plan)
    counters['own/0'][0] = [[9, 5], [6, 7], [4, 1]]
    row = _row(plan, counters)
    assert (row['threshold'], row['threshold_source']) == (0.1, 'oracle') and 'MaxBoxAccV2' in row


def test_checkpoint_that_was_chosen_is_a_column():
    plan = _plan('bas_ext')
    summary = localization_summary(plan, _counters(plan), np.array([10, 7, 2]), (30.0, 20.0))
    assert 'checkpoint' not in format_localization_table(summary)
    summary['rows'][0]['checkpoint'] = 'epoch 3, best x on test (oracle)'
    header, _, row, *_ = format_localization_table(summary).splitlines()
    assert header.split()[:4] == ['protocol', 'threshold', 'source', 'checkpoint']
    assert 'epoch 3, best x on test (oracle)' in row


def test_joint_oracle_takes_gt_known_plus_top1_and_the_first_of_equals():
    plan = _plan(dict(name='bas_ext', threshold=[0.1, 0.2, 0.3], threshold_source='oracle joint'))
    counters = _counters(plan)
    counters['own/0'][0, 1] = 9, 8, 8
    counters['own/0'][1, 1] = 1, 4, 4
    row = _row(plan, counters)
    assert (row['threshold'], row['GT-known'], row['Top-1 Loc']) == (0.2, 80, 40)


def test_joint_oracle_is_not_misled_by_the_rounding_of_percents():
    plan = _plan('sat')
    counters = _counters(plan, images=12)
    counters['own/0'][0, 1] = 12, 11, 11, 11  # each 22 of 24
    counters['own/0'][1, 1] = 10, 11, 11, 11
    sums = 100.0 * counters['own/0'][0, 1] / 12 + 100.0 * counters['own/0'][1, 1] / 12
    assert sums[1] > sums[0]
    row = _row(plan, counters)
    assert (row['threshold'], row['threshold_source']) == (0.3, 'oracle joint')


def test_top_k_of_tscam_comes_from_its_own_sweep():
    plan = _plan('tscam')
    counters = _counters(plan)
    counters['own/0'][:, 1, 0] = 8, 7, 7
    counters['topk/0'][:, 1, 0] = 6, 4, 5
    row = _row(plan, counters)
    assert (row['GT-known'], row['Top-1 Loc'], row['Top-5 Loc']) == (80, 40, 50)


def _scm_summary():
    plan = _plan('scm')
    counters = _counters(plan)
    counters['own/0'][0, :, 20] = 9, 7, 2
    counters['own/0'][0, 2, 35] = 3
    counters['any/0'][0, :, 10] = 10, 8, 6
    counters['topk/0'][1, :, 15] = 5, 4, 1
    counters['topk/0'][2, :, 16] = 6, 5, 2
    counters['v1/0'][0, 1, 100] = 6
    return localization_summary(plan, counters, np.array([10, 7, 2]), (30.0, 20.0))


def test_scm_has_no_gt_known_but_that_of_predicted_classes():
    row = _scm_summary()['rows'][0]
    assert 'GT-known' not in row
    assert (row['GT-known (predicted top-1)'], row['GT-known (predicted top-5)']) == (70, 80)
    assert (row['Top-1 Loc'], row['Top-5 Loc'], row['MaxBoxAcc']) == (40, 50, 60)
    assert not any(key.startswith('IoU') for key in row)


def test_every_number_of_scm_has_its_own_threshold_at_every_level():
    row = _scm_summary()['rows'][0]
    assert [row[f'GT-known (predicted top-1)@{level}'] for level in (30, 50, 70)] == [90, 70, 30]
    assert row['GT-known (predicted top-1) thresholds'] == [0.2, 0.2, 0.35]
    assert row['Top-1 Loc thresholds'] == [0.15] * 3
    assert row['threshold'] == 0.2


def test_table_says_that_the_known_of_scm_is_none():
    summary = _scm_summary()
    lines = format_localization_table(summary).split('\n')
    assert 'GT-known (predicted top-1)' in lines[0]
    (row,) = [line.split() for line in lines if line.split()[:2] == ['scm', '0.2']]
    assert row[2:9] == ['oracle', 'per', 'level', '-', '70.00', '80.00', '40.00']
    assert any('it is no GT-known' in line for line in lines)
    assert any('IoU 70 %' in line and '30.00 at 0.35' in line for line in lines)
    assert summary_metrics(summary)['scm/GT-known (predicted top-5)@70'] == 60


def test_fixed_threshold_of_scm_serves_every_number():
    plan = _plan(dict(name='scm', threshold=0.2))
    counters = _counters(plan)
    counters['own/0'][0, :, 0] = 9, 7, 2
    row = _row(plan, counters)
    assert (row['threshold'], row['threshold_source']) == (0.2, 'fixed')
    assert row['GT-known (predicted top-1) thresholds'] == [0.2] * 3


def test_bas_averages_over_classes():
    plan = _plan('bas')
    counters = _counters(plan)
    counters['own/0/class'][:, 0, 1, 0] = 4, 2  # 4 of 8 and 2 of 2
    row = _row(plan, counters)
    assert row['GT-known'] == 75
    assert (row['Cls top-1'], row['Cls top-5']) == (75, 100)
    summary = localization_summary(plan, counters, np.array([10, 7, 2]), (30.0, 20.0))
    assert summary['classification'] == {'top-1': 60, 'top-5': 100}


def test_baselines_are_fixed_boxes():
    summary = localization_summary(
        _plan('choe_v2'), _counters(_plan('choe_v2')), np.array([10, 7, 2]), (30, 20)
    )
    whole, centre = summary['baselines']
    assert (whole['GT-known'], whole['MaxBoxAccV2@30'], whole['MaxBoxAccV2']) == (50, 90, 50)
    assert (centre['GT-known'], centre['MaxBoxAccV2'], centre['size']) == (70, 190 / 3, [30, 20])


def test_without_scores_only_what_boxes_tell_is_reported():
    plan = _plan('choe_v2')
    summary = localization_summary(plan, _counters(plan) | dict(unranked=10), np.zeros(3, int), (30, 20))
    assert summary['classification'] is None
    assert not any('op-' in key for key in summary_metrics(summary))
    assert 'Top-1 Loc' not in format_localization_table(summary).split('\n')[0]


def test_without_boxes_only_classification_is_reported():
    plan = _plan('choe_v2')
    summary = localization_summary(plan, _counters(plan))
    assert summary_metrics(summary) == {'cls/top-1': 60, 'cls/top-5': 100}
    table = format_localization_table(summary)
    assert 'classification only' in table
    assert '60.00' in table


def test_table_names_protocol_threshold_source_and_number_of_images():
    plan = _plan('choe_v2', 'bas_ext')
    summary = localization_summary(plan, _counters(plan), np.array([10, 7, 2]), (30.0, 20.0))
    lines = format_localization_table(summary).split('\n')
    assert lines[0].split()[:3] == ['protocol', 'threshold', 'source']
    (row,) = [line for line in lines if line.strip().startswith('bas_ext')]
    assert row.split()[:3] == ['bas_ext', '0.1', 'fixed']
    assert row.split()[-1] == '10'
    assert any(line.strip().startswith('centre box') and '70.00' in line for line in lines)
    # its size is the mean of the boxes it is scored against
    assert [row.get('threshold_source') for row in summary['baselines']] == [None, 'oracle size']
