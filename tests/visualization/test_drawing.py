from __future__ import annotations

import numpy as np
import pytest

from mmwsol.visualization.drawing import (
    GT_COLOR,
    PRED_COLOR,
    contact_sheet,
    draw_boxes,
    localization_panel,
    overlay_heatmap,
    write_caption,
)

GREY = np.full((20, 30, 3), 100, np.uint8)


def test_overlay_is_rgb_hot_red_and_cold_blue() -> None:
    heatmap = np.zeros((20, 30), np.float32)
    heatmap[:, 15:] = 1.0
    picture = overlay_heatmap(np.zeros_like(GREY), heatmap)
    cold, hot = picture[0, 0], picture[0, 29]
    assert cold[2] > 0 and cold[0] == 0
    assert hot[0] > 0 and hot[2] == 0


def test_overlay_weighs_image_and_colours() -> None:
    heatmap = np.random.default_rng(0).random((20, 30))
    assert np.array_equal(overlay_heatmap(GREY, heatmap, alpha=0.0), GREY)


def test_nan_counts_as_zero_and_values_outside_are_clipped() -> None:
    heatmap = np.zeros((20, 30))
    expected = overlay_heatmap(GREY, heatmap)
    assert np.array_equal(overlay_heatmap(GREY, np.full((20, 30), np.nan)), expected)
    assert np.array_equal(overlay_heatmap(GREY, heatmap - 5), expected)


def test_sizes_of_heat_map_and_image_must_agree() -> None:
    with pytest.raises(ValueError, match=r'heat map \(30, 20\) and image \(20, 30\)'):
        overlay_heatmap(GREY, np.zeros((30, 20)))


def test_box_is_an_outline_whose_right_and_bottom_are_exclusive() -> None:
    picture = draw_boxes(GREY, np.array([[5, 4, 15, 14]]), PRED_COLOR)
    rows, columns = np.nonzero((picture != GREY).any(2))
    assert tuple(picture[4, 5]) == tuple(picture[13, 14]) == PRED_COLOR
    edges = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    assert (np.abs(edges - [5, 4, 14, 13]) <= 1).all()  # the line is two pixels wide
    assert (picture[6:12, 7:13] == 100).all()
    assert (GREY == 100).all()  # the image itself is not drawn on


def test_no_boxes_draw_nothing() -> None:
    assert np.array_equal(draw_boxes(GREY, np.empty((0, 4)), PRED_COLOR), GREY)


@pytest.mark.parametrize('text', ['x', 'predicted 123 (0.99), true 4567890'])
def test_caption_adds_a_strip_below_and_ends_inside_it(text: str) -> None:
    image = np.full((20, 160, 3), 100, np.uint8)
    captioned = write_caption(image, text)
    assert captioned.shape[0] > 20 and captioned.shape[1:] == (160, 3)
    assert np.array_equal(captioned[:20], image)
    assert (captioned[20:] < 255).any() and (captioned[20:, -2:] == 255).all()


def test_panel_shows_truth_and_prediction_left_and_the_prediction_right() -> None:
    heatmap = np.zeros((20, 30), np.float32)
    panel = localization_panel(
        GREY, heatmap, np.array([2, 2, 8, 8]), np.array([[12, 12, 18, 18]]), min_size=20
    )
    assert panel.shape == (20, 60, 3)
    assert tuple(panel[12, 12]) == GT_COLOR and tuple(panel[2, 2]) == PRED_COLOR
    assert tuple(panel[2, 32]) == PRED_COLOR and tuple(panel[12, 42]) != GT_COLOR


def test_small_images_are_enlarged_by_a_whole_factor_with_their_boxes() -> None:
    heatmap = np.zeros((20, 30), np.float32)
    panel = localization_panel(
        GREY, heatmap, np.array([2, 2, 8, 8]), np.array([[12, 12, 18, 18]]), min_size=50
    )
    assert panel.shape == (60, 180, 3)
    assert tuple(panel[36, 36]) == GT_COLOR and tuple(panel[6, 6]) == tuple(panel[6, 96]) == PRED_COLOR


def test_contact_sheet_fills_rows_and_pads_smaller_pictures_with_white() -> None:
    pictures = [GREY, GREY[:10], GREY]
    sheet = contact_sheet(pictures, columns=2, gap=4)
    assert sheet.shape == (48, 68, 3)
    assert (
        (sheet[:20, :30] == 100).all()
        and (sheet[:10, 34:64] == 100).all()
        and (sheet[24:44, :30] == 100).all()
    )
    assert (sheet[10:24, 34:] == 255).all() and (sheet[24:, 34:] == 255).all()


def test_fewer_pictures_than_columns_make_a_narrow_sheet() -> None:
    assert contact_sheet([GREY], columns=4).shape == (24, 34, 3)


def test_empty_sheet_is_refused() -> None:
    with pytest.raises(ValueError, match='at least one picture'):
        contact_sheet([])
