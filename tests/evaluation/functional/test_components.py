from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mmwsol.evaluation.functional.boxes import extents_to_boxes, pairwise_iou
from mmwsol.evaluation.functional.components import (
    best_contour_ious,
    contour_extents,
    largest_components,
)
from mmwsol.evaluation.localization import protocol_boxes, protocol_heatmaps, protocol_levels
from mmwsol.evaluation.protocols import get_protocol

# rows y, columns x: the worked example of the specification, times ten
EXAMPLE = np.zeros((6, 7), int)
EXAMPLE[1:5, 1:5] = 5
EXAMPLE[2, 2:4] = 1
EXAMPLE[0, 6] = 10
EXAMPLE[4:6, 6] = 8


def _level_images(seed: int, kind: str) -> tuple[np.ndarray, int]:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 28, 2)
    count = int(rng.choice([1, 2, 5, 20, 255, 1000]))
    if kind == 'noise':
        return rng.integers(0, count + 1, (height, width)), count
    if kind == 'blobs':
        smooth = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 2)
        return np.floor((smooth - smooth.min()) / (np.ptp(smooth) + 1e-9) * count).astype(int), count
    if kind == 'plateaus':
        return (rng.random((height, width)) < 0.5) * count, count
    return np.full((height, width), rng.choice([0, count // 2, count])), count


def _opencv_contours(levels, t, gt):
    """Largest contour's extent and area, and the best IoU of all contours, by plain OpenCV calls."""
    height, width = levels.shape
    contours, _ = cv2.findContours((levels > t).astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    boxes = [cv2.boundingRect(contour) for contour in contours]
    boxes = [(x, y, min(x + w, width - 1), min(y + h, height - 1)) for x, y, w, h in boxes]
    best = pairwise_iou(boxes or [(0, 0, 0, 0)], gt).max(initial=0)
    if not contours:
        return (-1, -1, -1, -1), 0, best
    largest = max(contours, key=cv2.contourArea)
    x, y, w, h = cv2.boundingRect(largest)
    return (x, y, x + w - 1, y + h - 1), cv2.contourArea(largest), best


def _opencv_pixels(levels, t):
    count, labels, stats, _ = cv2.connectedComponentsWithStats((levels > t).astype(np.uint8), connectivity=8)
    if count == 1:
        return (-1, -1, -1, -1), 0
    firsts = [np.argmax(labels.ravel() == i) for i in range(count)]
    x, y, w, h, area = stats[min(range(1, count), key=lambda i: (-stats[i, 4], firsts[i]))]
    return (x, y, x + w - 1, y + h - 1), area


@pytest.mark.parametrize('kind', ['noise', 'blobs', 'plateaus', 'constant'])
def test_sweeps_equal_opencv_level_by_level(kind):
    for seed in range(20):
        levels, count = _level_images(seed, kind)
        gt = np.sort(np.random.default_rng(seed).integers(0, 28, (seed % 3, 2, 2)), axis=1).reshape(-1, 4)
        contour, areas = largest_components(levels[None], count, 'contour')
        pixels, sizes = largest_components(levels[None], count, 'pixels')
        ious = best_contour_ious(levels[None], count, [gt])
        for t in range(0, count, max(1, count // 20)):
            extent, area, best = _opencv_contours(levels, t, gt)
            assert (tuple(contour[0, t]), areas[0, t]) == (extent, area), (seed, t)
            assert ious[0, t] == best, (seed, t)
            assert (tuple(pixels[0, t]), sizes[0, t]) == _opencv_pixels(levels, t), (seed, t)


def test_worked_example_of_the_largest_contour():
    extents, _ = largest_components(EXAMPLE[None], 10, 'contour')
    boxes = extents_to_boxes(extents[0, [0, 2, 4, 6, 8]], (6, 7), 'one_past', True, (0, 0, 0, 0))
    expected = [[1, 1, 5, 5], [1, 1, 5, 5], [1, 1, 5, 5], [6, 4, 6, 5], [6, 0, 6, 1]]
    assert boxes.tolist() == expected


def test_worked_example_of_all_contours_has_a_hole():
    assert [sum(map(len, contour_extents(t < EXAMPLE))) for t in (0, 2, 4, 6, 8)] == [3, 4, 4, 2, 1]
    outer, holes = contour_extents(EXAMPLE > 2)
    assert outer.tolist() == [[6, 0, 6, 0], [1, 1, 4, 4], [6, 4, 6, 5]]
    assert holes.tolist() == [[1, 1, 4, 3]]


def test_largest_component_tie_goes_to_first_in_raster_order():
    image = np.zeros((5, 9), int)
    image[3, 0:3] = image[1, 5:8] = 1
    extents, sizes = largest_components(image[None], 1, 'pixels')
    assert (extents[0, 0].tolist(), sizes[0, 0]) == ([5, 1, 7, 1], 3)


def test_largest_contour_tie_goes_to_last_in_raster_order():
    image = np.zeros((5, 9), int)
    image[3, 0:3] = image[1, 5:8] = 1
    extents, areas = largest_components(image[None], 1, 'contour')
    assert (extents[0, 0].tolist(), areas[0, 0]) == ([0, 3, 2, 3], 0)


def test_diagonal_touch_connects():
    extents, sizes = largest_components(np.eye(4, dtype=int)[None], 1, 'pixels')
    assert (extents[0, 0].tolist(), sizes[0, 0]) == ([0, 0, 3, 3], 4)


def test_ring_is_filled_for_the_polygon_but_not_for_the_pixels():
    ring = np.ones((5, 5), int)
    ring[1:4, 1:4] = 0
    assert largest_components(ring[None], 1, 'contour')[1][0, 0] == 16
    assert largest_components(ring[None], 1, 'pixels')[1][0, 0] == 16
    assert largest_components(np.ones((1, 5, 5), int), 1, 'contour')[1][0, 0] == 16
    assert largest_components(np.ones((1, 5, 5), int), 1, 'pixels')[1][0, 0] == 25


def test_boxes_equal_golden_post_processing(golden):
    g = golden('postproc')
    maps, thresholds = torch.from_numpy(g['maps']), g['thresholds']
    for preset, suffix in (('bas', 'cvpr'), ('bas_ext', 'ext')):
        protocol = get_protocol(preset)
        levels = protocol_levels(protocol_heatmaps(maps, protocol, (224, 224)), protocol, thresholds).numpy()
        np.testing.assert_array_equal(protocol_boxes(levels, 6, protocol), g[f'boxes_{suffix}'])
        _, sizes = largest_components(levels, 6)
        np.testing.assert_array_equal(sizes, g[f'mask_area_{suffix}'])


def test_threads_change_nothing():
    levels = np.random.default_rng(0).integers(0, 21, (7, 15, 20))
    gt = [np.array([[2.0, 2, 9, 9]])] * 7
    one, two = (largest_components(levels, 20, 'contour', num_threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(
        best_contour_ious(levels, 20, gt), best_contour_ious(levels, 20, gt, num_threads=3)
    )


@pytest.mark.parametrize(
    ('levels', 'count', 'message'),
    [
        (np.zeros((4, 4), int), 1, r'must be a non-empty array \(N, H, W\)'),
        (np.full((1, 4, 4), 3), 2, 'must hold integers in 0..2, got 3..3'),
        (np.zeros((1, 4, 4), int), 0, 'number of levels must be in 1..32767'),
    ],
)
def test_wrong_level_images_are_refused(levels, count, message):
    with pytest.raises(ValueError, match=message):
        largest_components(levels, count)


def test_every_level_image_needs_its_boxes():
    with pytest.raises(ValueError, match='2 images, 1 lists'):
        best_contour_ious(np.zeros((2, 4, 4), int), 1, [np.zeros((1, 4))])


def test_unknown_choice_of_the_largest_is_refused():
    with pytest.raises(ValueError, match=r"by must be one of .*got 'area'"):
        largest_components(np.zeros((1, 4, 4), int), 1, 'area')
