from __future__ import annotations

import numpy as np
import pytest

from mmwsol.evaluation.functional import component_sweep as sweep


def _fill_one_level(mask: np.ndarray) -> np.ndarray:
    """Hole filling of a binary mask by flooding the background from outside, pixel by pixel."""
    padded = np.pad(mask, 1)
    outside = np.zeros_like(padded)
    stack = [(0, 0)]
    while stack:
        y, x = stack.pop()
        inside = 0 <= y < padded.shape[0] and 0 <= x < padded.shape[1]
        if inside and not padded[y, x] and not outside[y, x]:
            outside[y, x] = True
            stack += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    return ~outside[1:-1, 1:-1]


@pytest.mark.parametrize('shape', [(9, 9), (1, 6), (6, 1), (12, 7)])
def test_grey_filling_is_the_filling_of_every_level(shape):
    levels = np.random.default_rng(0).integers(0, 6, shape).astype(np.int16)
    filled = sweep._fill_holes(levels, 5)
    for t in range(5):
        np.testing.assert_array_equal(filled > t, _fill_one_level(levels > t))


def test_pixels_are_sorted_by_falling_level():
    levels = np.array([[0, 2], [1, 2]], np.int16)
    order, starts = sweep._sorted_pixels(levels, 2)
    assert [(int(v) >> 16, int(v) & 0xFFFF) for v in order] == [(0, 1), (1, 1), (1, 0), (0, 0)]
    assert starts[[2, 1, 0]].tolist() == [0, 2, 3]


def test_ring_tables_join_each_group_of_neighbours_once():
    everything, opposite, corners = 255, 0b00100010, 0b01010101
    assert (sweep._JOINS8[everything] >= 0).sum() == (sweep._JOINS4[everything] >= 0).sum() == 1
    assert (sweep._JOINS8[opposite] >= 0).sum() == 2  # above and below
    assert (sweep._JOINS8[corners] >= 0).sum() == 4
    assert (sweep._JOINS4[corners] >= 0).sum() == 0  # corners do not touch a 4-connected pixel


def test_a_pixel_adds_half_a_window_for_the_third_and_for_the_fourth_place():
    assert sweep._AREA2[0] == 0
    assert sweep._AREA2[0b00100010] == 0  # N and S share no window
    assert sweep._AREA2[0b00000111] == 2  # NW with N, N with NE: third pixel of two windows
    assert sweep._AREA2[0b10000011] == 1  # W, NW, N: fourth pixel of one window
    assert sweep._AREA2[255] == 4
