from __future__ import annotations

import numpy as np
import pytest

from mmwsol.evaluation.functional.localization_accuracy import (
    centre_boxes,
    count_hits,
    count_hits_by_class,
    fixed_box_hits,
    frame_boxes,
    iou_hits,
    macro_average,
    max_box_accuracy,
    score_ranks,
    threshold_grid,
    uint8_cuts,
)


def test_the_grid_of_a_thousandth_cuts_all_255_levels_and_no_more():
    cuts = uint8_cuts(threshold_grid(0.001))
    assert len(cuts) == 1000
    assert np.unique(cuts).tolist() == list(range(255))
    assert len(np.unique(uint8_cuts(threshold_grid(0.01)))) == 100


@pytest.mark.parametrize('interval', [0, -0.1, 1.5])
def test_interval_outside_the_unit_range_is_refused(interval):
    with pytest.raises(ValueError, match=r'interval must be in \(0, 1\]'):
        threshold_grid(interval)


def test_hit_at_the_level_itself_depends_on_the_comparison():
    ious = np.array([[0.3, 0.5, 0.7]])
    assert iou_hits(ious, (30, 50, 70), '>=').sum() == 3 + 2 + 1
    assert iou_hits(ious, (30, 50, 70), '>').sum() == 2 + 1 + 0


def test_rank_counts_better_classes_and_ties_of_lower_index():
    scores = np.array([[0.1, 0.6, 0.3], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.2, 0.3, 0.5]])
    assert score_ranks(scores, np.array([1, 0, 1, 0])).tolist() == [0, 0, 1, 2]


def test_scores_that_are_not_numbers_rank_last():
    assert score_ranks(np.array([[np.nan, 0.1, 0.9]]), np.array([2])).tolist() == [3]


def test_counters_of_known_hits():
    hits = np.ones((4, 1, 2), bool)
    hits[0, 0, 1] = False
    ranks = np.array([0, 3, 5, -1])  # -1: no scores
    assert count_hits(hits, ranks).tolist() == [[[4, 3]], [[1, 0]], [[2, 1]]]
    kept = np.array([True, False, True, True])
    assert count_hits(hits, ranks, kept).tolist() == [[[3, 2]], [[1, 0]], [[1, 0]]]


def test_counters_by_class_add_up_to_those_of_all():
    rng = np.random.default_rng(0)
    hits, ranks, labels = rng.random((50, 3, 7)) < 0.4, rng.integers(0, 9, 50), rng.integers(0, 4, 50)
    by_class = count_hits_by_class(hits, ranks, labels, 6)
    assert by_class.shape == (6, 3, 3, 7)
    np.testing.assert_array_equal(by_class.sum(axis=0), count_hits(hits, ranks))


def test_macro_average_weighs_classes_not_images():
    counters, images = np.array([[1], [3], [0]]), np.array([1, 6, 0])
    assert macro_average(counters, images).tolist() == [75.0]  # (1/1 + 3/6) / 2; the third class has no image


def test_max_box_accuracy_takes_the_best_cut_of_each_level():
    counters = np.zeros((2, 255), int)
    counters[0, 25:40] = 3  # from the threshold 0.1 on: int(0.1 * 255) = 25
    counters[1, 254] = 4
    best, thresholds = max_box_accuracy(counters, 4, 0.1)
    assert best.tolist() == [75.0, 0.0]  # a coarse grid never cuts at 254
    assert thresholds.tolist() == pytest.approx([0.1, 0.0])
    assert max_box_accuracy(counters, 4, 0.001)[0].tolist() == [75.0, 100.0]


def test_whole_frame_and_centred_boxes():
    frames = np.array([[100, 200]])  # H, W
    assert frame_boxes(frames).tolist() == [[[0, 0, 199, 99]]]
    (box,) = centre_boxes(frames, 50, 20)[0]
    assert box.tolist() == [75, 40, 124, 59]  # 50 x 20 pixels, equal margins


def test_fixed_box_counts_the_best_of_several_true_boxes():
    gt = [np.array([[0, 0, 9, 9], [0, 0, 199, 49]])]
    hits = fixed_box_hits(frame_boxes(np.array([[100, 200]])), gt, (30, 50, 70))
    assert hits[0, :, 0].tolist() == [True, True, False]
