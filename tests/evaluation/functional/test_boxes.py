from __future__ import annotations

import numpy as np
import pytest

from mmwsol.evaluation.functional.boxes import (
    boxes_to_input,
    boxes_to_original,
    extents_to_boxes,
    pairwise_iou,
)

CROP = dict(resize_shape=(256, 256), crop_offset=(16, 16), img_shape=(224, 224))


def _transport(raw, rounding, dtype=np.float64):
    return np.concatenate(
        [
            boxes_to_input(row[:4], (row[4], row[5]), **CROP, rounding=rounding, dtype=dtype)
            for row in np.asarray(raw)
        ]
    )


def test_iou_equals_golden(golden):
    g = golden('postproc')
    ious = [pairwise_iou(p[None], t[None])[0, 0] for p, t in zip(g['iou_pred'], g['iou_gt'])]
    np.testing.assert_allclose(ious, g['iou'], rtol=0, atol=1e-12)


def test_iou_of_a_single_pixel_with_itself_is_one_only_if_inclusive():
    assert pairwise_iou([[3, 3, 3, 3]], [[3, 3, 3, 3]])[0, 0] == 1
    assert pairwise_iou([[3, 3, 3, 3]], [[3, 3, 3, 3]], inclusive=False)[0, 0] == 0


def test_iou_counts_the_last_pixel_if_inclusive():
    # 2x2 pixels, of which two are shared: 2 / 6
    assert pairwise_iou([[0, 0, 1, 1]], [[1, 0, 2, 1]])[0, 0] == pytest.approx(2 / 6)
    # plain extents: 2x2 squares that share a 1x2 strip
    assert pairwise_iou([[0, 0, 2, 2]], [[1, 0, 3, 2]], inclusive=False)[0, 0] == pytest.approx(2 / 6)


def test_iou_is_a_table_over_both_lists_and_broadcasts():
    first = np.zeros((5, 3, 4))
    second = np.zeros((2, 4))
    assert pairwise_iou(first, second).shape == (5, 3, 2)


def test_inverted_box_overlaps_nothing():
    assert pairwise_iou([[0, 0, 223, 223]], [[200, 10, -4, 50]])[0, 0] == 0


def test_cub_boxes_equal_both_releases_of_bas(golden):
    g = golden('postproc')
    raw = g['cub_raw_x0y0x1y1hw']
    np.testing.assert_allclose(_transport(raw, 'float_clip'), g['cub_gt_cvpr'], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(_transport(raw, 'trunc_clip'), g['cub_gt_ext'])


def test_ilsvrc_boxes_equal_both_releases_of_bas(golden):
    g = golden('postproc')
    raw = g['ilsvrc_raw_x0y0x1y1hw']
    np.testing.assert_array_equal(_transport(raw, 'trunc_clip'), g['ilsvrc_ext_flat'])
    # the release works in float32 on ILSVRC and the fixture was stored as a fraction of 224
    single = _transport(raw, 'float_clip', np.float32) / np.float32(224)
    np.testing.assert_allclose(single.astype(float) * 224, g['ilsvrc_cvpr_flat'], rtol=0, atol=1e-9)
    np.testing.assert_allclose(_transport(raw, 'float_clip'), g['ilsvrc_cvpr_flat'], rtol=0, atol=5e-5)


def test_wsolevaluation_boxes_equal_golden(evaluator_box):
    sizes = evaluator_box.arrays['image_sizes_wh']
    for (width, height), boxes, expected in zip(sizes, evaluator_box.gt_orig, evaluator_box.gt_224):
        moved = boxes_to_input(boxes, (height, width), (224, 224), rounding='trunc')
        np.testing.assert_array_equal(moved, expected)


def test_trunc_is_the_example_of_the_specification():
    moved = boxes_to_input([[13, 50, 299, 120]], (199, 300), (224, 224), rounding='trunc')
    assert moved.tolist() == [[9, 56, 223, 135]]


def test_trunc_is_clipped_only_in_a_crop():
    whole = boxes_to_input([[-5, 0, 120, 90]], (100, 100), (200, 200), rounding='trunc')
    assert whole.tolist() == [[-10, 0, 240, 180]]
    crop = boxes_to_input([[0, 0, 100, 90]], (100, 100), (200, 200), (20, 20), (160, 160), rounding='trunc')
    assert crop.tolist() == [[0, 0, 159, 159]]


def test_box_in_the_cropped_margin_comes_out_inverted():
    (box,) = boxes_to_input([[0, 100, 10, 200]], (256, 256), **CROP, rounding='trunc_clip')
    assert box[2] < box[0]


def test_fraction_first_equals_a_plain_restatement():
    rng = np.random.default_rng(0)
    differing = 0
    for width, height in rng.integers(60, 600, (400, 2)).tolist():
        x, y = (np.sort(rng.integers(0, side + 1, 2)).tolist() for side in (width, height))
        box = [x[0], y[0], x[1], y[1]]
        expected = [int(max(a / side * 224, 0)) for a, side in zip(box[:2], (width, height))]
        expected += [int(min(a / side * 224, 223)) for a, side in zip(box[2:], (width, height))]
        ours = boxes_to_input([box], (height, width), (224, 224), rounding='fraction_trunc_clip')
        assert ours.tolist() == [expected]
        differing += boxes_to_input([box], (height, width), (224, 224), rounding='trunc_clip').tolist() != [
            expected
        ]
    assert differing < 8


def test_order_of_operations_decides_where_the_product_is_whole():
    box = [[49, 0, 98, 98]]
    fraction = boxes_to_input(box, (98, 98), **CROP, rounding='fraction_trunc_clip')
    scaled = boxes_to_input(box, (98, 98), **CROP, rounding='trunc_clip')
    assert (fraction[0, 0], scaled[0, 0]) == (112, 111)


def test_crop_boxes_of_sat_equal_golden(golden):
    g = golden('sat_eval_fixture')
    np.testing.assert_array_equal(
        _transport(g['raw_boxes_x0y0x1y1hw'], 'fraction_trunc_clip'), g['gt_boxes_crop']
    )


def test_boxes_in_the_input_frame_are_not_scaled_again():
    boxes = np.arange(224)[:, None] + [0, 0, 0, 0]
    moved = boxes_to_input(boxes, (224, 224), rounding='fraction_trunc_clip')
    np.testing.assert_array_equal(moved, boxes)


def test_flip_mirrors_before_rounding():
    moved = boxes_to_input([[10, 0, 30, 50]], (100, 100), flip=True)
    assert moved.tolist() == [[70, 0, 90, 50]]
    twice = boxes_to_input(moved, (100, 100), flip=True)
    assert twice.tolist() == [[10, 0, 30, 50]]


@pytest.mark.parametrize('flip', [False, True])
def test_way_back_is_the_inverse(flip):
    boxes = np.array([[13.0, 50, 299, 120], [0, 0, 300, 199]])
    there = boxes_to_input(boxes, (199, 300), **CROP, flip=flip)
    np.testing.assert_allclose(boxes_to_original(there, (199, 300), **CROP, flip=flip), boxes, atol=1e-10)


def test_unknown_rounding_is_refused():
    with pytest.raises(ValueError, match='rounding must be one of'):
        boxes_to_input([[0, 0, 1, 1]], (4, 4), rounding='round')


def test_extents_become_boxes_under_each_edge():
    extents = np.array([[2, 3, 4, 5], [0, 0, 9, 9], [-1, -1, -1, -1]])
    past = extents_to_boxes(extents, (10, 10))
    assert past.tolist() == [[2, 3, 5, 6], [0, 0, 10, 10], [0, 0, 10, 10]]
    clipped = extents_to_boxes(extents, (10, 10), 'one_past', True, (0, 0, 0, 0))
    assert clipped.tolist() == [[2, 3, 5, 6], [0, 0, 9, 9], [0, 0, 0, 0]]
    assert extents_to_boxes(extents[:1], (10, 10), 'inclusive').tolist() == [[2, 3, 4, 5]]
