from __future__ import annotations

import numpy as np
import pytest

from mmwsol.evaluation.functional.error_breakdown import (
    ERROR_KINDS,
    ERROR_NAMES,
    count_errors,
    error_breakdown,
    size_groups,
    size_names,
)

BOX = [0, 0, 9, 9]  # 100 pixels


def _kind(box, gt, right=True):
    return ERROR_KINDS[error_breakdown([box], [np.array(gt)], [right])[0]]


def _plain(box, gt_boxes, right):
    """One image, written out."""
    if not right:
        return 'class'
    ious, of_box, of_gt = [], [], []
    for gt in gt_boxes:
        w = max(min(box[2], gt[2]) - max(box[0], gt[0]) + 1, 0)
        h = max(min(box[3], gt[3]) - max(box[1], gt[1]) + 1, 0)
        areas = [(b[2] - b[0] + 1) * (b[3] - b[1] + 1) for b in (box, gt)]
        ious.append(w * h / (sum(areas) - w * h))
        of_box.append(w * h / areas[0])
        of_gt.append(w * h / areas[1])
    if max(ious) > 0.5:
        return 'none'
    if sum(cover > 0.3 for cover in of_gt) >= 2:
        return 'multi'
    if max(of_box) > 0.5:
        return 'part'
    return 'more' if max(of_gt) >= 0.7 else 'region'


def test_a_wrong_class_comes_before_everything():
    assert _kind(BOX, [BOX], right=False) == 'class'


def test_nothing_is_wrong_above_half_overlap_only():
    assert _kind(BOX, [[0, 0, 9, 18]]) == 'none'  # 100 of 190
    assert _kind(BOX, [[0, 0, 9, 19]]) == 'part'  # 100 of 200


def test_two_covered_boxes_are_several_objects():
    assert _kind(BOX, [[0, 0, 3, 3], [6, 6, 9, 9]]) == 'multi'
    assert _kind(BOX, [[0, 0, 3, 3]]) == 'more'
    assert _kind(BOX, [[0, 0, 9, 29], [0, 0, 29, 9]]) == 'multi'  # a third of each
    assert _kind(BOX, [[0, 0, 9, 34], [0, 0, 34, 9]]) == 'part'


def test_part_needs_more_than_half_of_the_box():
    assert _kind(BOX, [[0, 4, 99, 99]]) == 'part'  # 60 of 100
    assert _kind(BOX, [[0, 5, 99, 99]]) == 'region'  # 50 of 100


def test_more_needs_seven_tenths_of_the_true_box():
    assert _kind(BOX, [[3, 0, 12, 0]]) == 'more'  # 7 of 10
    assert _kind(BOX, [[4, 0, 13, 0]]) == 'region'  # 6 of 10


def test_random_boxes_equal_a_plain_restatement():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.integers(0, 30, (3000, 4, 2, 2)), axis=2).reshape(3000, 4, 4)
    boxes, gt = corners[:, 0], [row[1 : 2 + i % 3] for i, row in enumerate(corners)]
    right = rng.random(3000) < 0.9
    expected = [_plain(*image) for image in zip(boxes, gt, right)]
    assert [ERROR_KINDS[i] for i in error_breakdown(boxes, gt, right)] == expected
    assert set(expected) == set(ERROR_KINDS)


def test_golden_kinds_of_tscam(golden):
    g = golden('eval_protocol')
    gt = [np.array(text.split(), float).reshape(-1, 4) for text in g['gt_boxes'][g['evaluated_rows']]]
    top1 = g['tscam_thr0.1_top5_class_x0y0x1y1'][:, 0]
    kinds = error_breakdown(top1[:, 1:], gt, top1[:, 0] == g['labels'][g['evaluated_rows']])
    for name, kind in (
        ('right', 'none'),
        ('wrong_multi', 'multi'),
        ('wrong_more', 'more'),
        ('wrong_cls', 'class'),
    ):
        np.testing.assert_array_equal(kinds == ERROR_KINDS.index(kind), g[f'tscam_thr0.1_{name}'])


def test_another_protocol_says_what_is_located():
    gt, right = [np.array([[0, 0, 9, 19]])] * 3, [True, True, False]  # IoU 0.5, which TS-CAM does not count
    kinds = error_breakdown([BOX] * 3, gt, right, located=[True, False, True])
    assert [ERROR_KINDS[i] for i in kinds] == ['none', 'part', 'class']


def test_no_images_have_no_errors():
    assert error_breakdown(np.empty((0, 4)), [], []).tolist() == []


@pytest.mark.parametrize(
    ('gt', 'right', 'message'),
    [
        ([[BOX]], [True, True], '2 boxes, 1 lists of true boxes, 2 classes'),
        ([[BOX], np.empty((0, 4))], [True, True], 'image 1 has none'),
    ],
)
def test_incomplete_images_are_refused(gt, right, message):
    with pytest.raises(ValueError, match=message):
        error_breakdown([BOX, BOX], gt, right)


def test_errors_are_counted_by_group():
    assert len(ERROR_NAMES) == len(ERROR_KINDS) == 6
    counts = count_errors([1, 1, 0, 5], [0, 2, 2, 2], 4)
    assert counts.tolist() == [[0, 1, 0, 0, 0, 0], [0] * 6, [1, 1, 0, 0, 0, 1], [0] * 6]


def test_object_at_an_edge_counts_to_the_larger_size():
    assert size_groups([0.05, 0.1, 0.2, 0.5, 1.0], [0.1, 0.5]).tolist() == [0, 1, 1, 2, 2]
    assert size_names([0.1, 0.5]) == ['below 10 %', '10 to 50 %', '50 % and more']
    assert size_groups([0.3], []).tolist() == [0] and size_names([]) == ['any size']


@pytest.mark.parametrize('edges', [[0.5, 0.1], [0.1, 0.1], [0.0], [1.0]])
def test_edges_must_rise_within_the_image(edges):
    with pytest.raises(ValueError, match='rising shares'):
        size_groups([0.2], edges)
