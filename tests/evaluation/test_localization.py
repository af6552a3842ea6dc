from __future__ import annotations

import numpy as np
import pytest
import torch

from mmwsol.evaluation import get_protocol, localize
from mmwsol.evaluation.functional.boxes import pairwise_iou
from mmwsol.evaluation.functional.localization_accuracy import iou_hits, uint8_cuts
from mmwsol.evaluation.localization import nearest_boxes, protocol_ious, select_each_map, select_maps


def _maps(*labels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Constant maps (1, C, 2, 2), the map of class c holding c + 1, and their labels (1, C)."""
    values = torch.tensor([label + 1.0 for label in labels])
    return values[None, :, None, None].expand(1, -1, 2, 2), torch.tensor([labels])


def _value(protocol, labels, gt_label=0, num_classes=10):
    maps = select_maps(*_maps(*labels), torch.tensor([gt_label]), protocol, num_classes)
    return maps.unique().item()


@pytest.mark.parametrize('preset', ['choe_v1', 'choe_v2'])
def test_counts_equal_wsolevaluation(evaluator_box, preset):
    g, version = evaluator_box.arrays, preset[-2:]
    ious = protocol_ious(evaluator_box.uint8_maps, 255, evaluator_box.gt_224, get_protocol(preset))
    first = protocol_ious(g['maps_u8_first'], 255, evaluator_box.gt_224[:56], get_protocol(preset))
    for step in ('01', '001'):
        cuts = uint8_cuts(g[f'thresholds_{step}'])
        for prefix, values in ((version, ious), (f'first_{version}', first)):
            counts = iou_hits(values, (30, 50, 70)).sum(axis=0)[:, cuts]
            for i, level in enumerate((30, 50, 70)):
                np.testing.assert_array_equal(counts[i], g[f'{prefix}_i{step}_correct_iou{level}'])


def test_the_true_class_is_found_wherever_it_was_kept():
    gt = get_protocol('choe_v2')
    assert _value(gt, (3, 4, 5), gt_label=4) == 5
    assert _value(gt, (4, 3, 4), gt_label=4) == 5
    assert _value(gt, (-1,), gt_label=4) == 0


def test_mean_of_the_best_classes_leaves_the_true_class_out():
    assert _value(get_protocol('bas', topk=2), (2, 6, 9), gt_label=9) == 5  # (3 + 7) / 2
    assert _value(get_protocol('bas', map_source='top1', topk=1), (2, 6, 9), gt_label=9) == 3


def test_one_best_class_is_the_true_one():
    assert _value(get_protocol('bas', topk=1), (2, 6, 9), gt_label=9) == 10


def test_more_best_classes_than_there_are_means_all():
    assert _value(get_protocol('bas', topk=200), (2, 0, 1, 0), gt_label=0, num_classes=3) == 2


def test_class_agnostic_map_serves_a_mean_too():
    assert _value(get_protocol('bas', topk=80), (-1,)) == 0


def test_missing_map_of_the_true_class_is_an_error_that_says_what_to_set():
    with pytest.raises(ValueError, match=r'true class, 7, but the head kept the maps of \[2, 6\].*keep_gt'):
        _value(get_protocol('choe_v2'), (2, 6), gt_label=7)


@pytest.mark.parametrize('labels', [(2, 6), (2, 6, 2)])
def test_too_few_kept_maps_are_an_error_that_says_what_to_set(labels):
    with pytest.raises(ValueError, match=r'the 3 best classes.*set model.head.topk>=3'):
        _value(get_protocol('bas', topk=3), labels, gt_label=2)


def test_appended_true_classes_do_not_pass_for_the_last_best_ones():
    maps = torch.zeros(2, 3, 2, 2)
    labels = torch.tensor([[1, 2, 7], [3, 4, 8]])
    with pytest.raises(ValueError, match=r'set model\.head\.topk>=3'):
        select_maps(maps, labels, torch.tensor([7, 8]), get_protocol('bas', topk=3), 10)


def test_localize_gives_the_heat_map_and_the_box_of_the_protocol():
    maps = torch.zeros(2, 4, 4)
    maps[1, 1:3, 0:2] = 5.0
    heatmap, box = localize(
        maps, torch.tensor([2, 3]), 3, get_protocol('bas_ext', topk=1, threshold=0.5), (8, 8)
    )
    assert heatmap.shape == (8, 8)
    assert heatmap.dtype == np.float32
    assert (heatmap.min(), heatmap.max()) == (0, pytest.approx(1, abs=1e-5))
    assert box.tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ('preset', 'box'),
    [
        ('bas', [0, 0, 8, 8]),
        ('choe_v2', [0, 0, 0, 0]),
        ('tscam', [0, 0, 1, 1]),
        ('scm', [0, 0, 0, 0]),
        ('sat', [0, 0, 8, 8]),
    ],
)
def test_constant_map_gives_the_empty_box(preset, box):
    heatmap, found = localize(torch.full((1, 4, 4), 0.3), torch.tensor([-1]), 0, get_protocol(preset), (8, 8))
    assert found.tolist() == box
    assert not heatmap.any()


@pytest.mark.parametrize('source', ['val', 'oracle'])
def test_picture_of_an_open_threshold_is_cut_at_the_display_threshold(source):
    maps, labels = torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([-1])
    strict = get_protocol('strict', threshold_source=source)
    boxes = [
        localize(maps, labels, 0, p, (48, 48))[1] for p in (strict, get_protocol('strict', threshold=0.2))
    ]
    np.testing.assert_array_equal(*boxes)
    closed = get_protocol('strict', thresholds=[0.9])
    assert (localize(maps, labels, 0, closed, (48, 48))[1] != boxes[0]).any()


def test_localize_takes_a_chosen_threshold():
    maps = torch.linspace(0, 1, 8).expand(1, 8, 8)
    protocol = get_protocol('choe_v1')
    _, wide = localize(maps, torch.tensor([-1]), 0, protocol, (8, 8))
    _, narrow = localize(maps, torch.tensor([-1]), 0, protocol, (8, 8), threshold=0.9)
    assert (wide[0], narrow[0]) == (2, 7)


def test_each_map_of_the_best_classes_with_the_place_of_the_true_one():
    maps, is_true = select_each_map(*_maps(7, 2, 4, 4), torch.tensor([4]), get_protocol('scm', topk=3), 10)
    assert maps[0, :, 0, 0].tolist() == [8, 3, 5]
    assert is_true.tolist() == [[False, False, True]]


def test_each_map_is_the_class_agnostic_one_if_there_is_no_other():
    maps, is_true = select_each_map(*_maps(-1), torch.tensor([4]), get_protocol('scm'), 10)
    assert maps.shape == (1, 1, 2, 2)
    assert is_true.tolist() == [[True]]


def test_each_map_needs_them_all():
    with pytest.raises(ValueError, match=r'protocol scm needs .* the 5 best classes.*set model.head.topk>=5'):
        select_each_map(*_maps(1, 2, 3, 9), torch.tensor([9]), get_protocol('scm'), 10)


def test_one_map_of_a_protocol_that_boxes_each_class_is_the_best_ones():
    assert _value(get_protocol('scm'), (7, 2, 4, 1, 0, 4), gt_label=4) == 8


def test_sat_takes_the_true_class_of_class_maps():
    assert _value(get_protocol('sat'), (7, 2, 4), gt_label=2) == 3
    assert _value(get_protocol('sat'), (-1,), gt_label=2) == 0


def test_box_of_tscam_may_end_at_the_size_of_the_input_and_of_scm_not():
    maps = torch.zeros(1, 8, 8)
    maps[0, 4:, 5:] = 1
    boxes = [
        localize(maps, torch.tensor([-1]), 0, get_protocol(name), (8, 8))[1] for name in ('tscam', 'scm')
    ]
    assert [box.tolist() for box in boxes] == [[5, 4, 8, 8], [5, 4, 7, 7]]


@pytest.mark.parametrize('preset', ['choe_v1', 'choe_v2', 'bas', 'tscam'])
def test_nearest_box_has_the_iou_of_the_sweep(preset):
    rng = np.random.default_rng(3)
    levels = (rng.random((40, 9, 12)) < rng.random((40, 1, 1))).astype(np.int16)
    levels[0] = 0  # nothing above the threshold
    corners = np.sort(rng.integers(0, 9, (40, 2, 2, 2)), axis=2).reshape(40, 2, 4).astype(float)
    protocol = get_protocol(preset)
    boxes, ious = nearest_boxes(levels, list(corners), protocol)
    np.testing.assert_array_equal(ious, protocol_ious(levels, 1, list(corners), protocol)[:, 0])
    for box, gt, iou in zip(boxes, corners, ious):
        assert pairwise_iou(box[None], gt, protocol.inclusive_iou).max() == iou
    assert len(np.unique(boxes, axis=0)) > 10


def test_nearest_box_of_all_contours_is_the_one_that_overlaps_a_true_box():
    levels = np.zeros((1, 10, 20), np.int16)
    levels[0, 1:8, 1:9] = 1  # the larger one
    levels[0, 2:5, 14:17] = 1
    gt = [np.array([[14, 2, 17, 5]])]
    for preset, box in (('choe_v2', [14, 2, 17, 5]), ('choe_v1', [1, 1, 9, 8])):
        assert nearest_boxes(levels, gt, get_protocol(preset))[0].tolist() == [box]
