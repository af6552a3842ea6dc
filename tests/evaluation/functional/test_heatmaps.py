from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest
import torch

from mmwsol.evaluation.functional.heatmaps import (
    centre_gaussian,
    make_heatmaps,
    minmax_normalize,
    quantize_heatmaps,
    to_uint8_range,
)


def test_minmax_spans_zero_to_one_for_each_map_alone():
    maps = torch.tensor([[[1.0, 2], [3, 5]], [[-4.0, 0], [0, 0]]])
    assert minmax_normalize(maps).tolist() == [[[0, 0.25], [0.5, 1]], [[0, 1], [1, 1]]]


def test_constant_map_is_zeros_or_nan():
    constant = torch.full((1, 3, 3), 0.7)
    assert minmax_normalize(constant).eq(0).all()
    assert minmax_normalize(constant, constant_map='nan').isnan().all()
    assert minmax_normalize(constant, eps=1e-5, constant_map='nan').eq(0).all()


@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
def test_not_finite_map_is_zeros_and_leaves_the_others_alone(value):
    maps = torch.rand(2, 3, 3)
    maps[0, 1, 1] = value
    heatmaps = minmax_normalize(maps)
    assert heatmaps[0].eq(0).all()
    assert heatmaps[1].max() == 1


def test_constant_map_is_not_stretched_from_the_noise_of_the_resize():
    for value in (0.1, 1 / 3, 1e6 / 7):
        maps = torch.full((1, 7, 7), value, dtype=torch.float64)
        heatmaps = make_heatmaps(
            maps, (224, 224), 'after_resize', interpolation='bicubic', dtype=torch.float64
        )
        assert heatmaps.eq(0).all()


@pytest.mark.parametrize(('eps', 'suffix'), [(0.0, 'cvpr'), (1e-5, 'ext')])
def test_normalise_then_resize_equals_golden(golden, eps, suffix):
    g = golden('postproc')
    maps = torch.from_numpy(g['maps'][g['up_index']])
    heatmaps = make_heatmaps(maps, (224, 224), 'before_resize', eps, 'nan')
    np.testing.assert_allclose(heatmaps.numpy(), g[f'up_{suffix}'], rtol=0, atol=5e-7)


def test_resize_then_normalise_gives_the_uint8_maps_of_wsolevaluation(evaluator_box):
    checksums = [zlib.crc32(image.tobytes()) for image in evaluator_box.uint8_maps]
    assert checksums == evaluator_box.arrays['maps_u8_crc32'].tolist()


def test_maps_need_not_be_square():
    low = np.random.default_rng(0).random((5, 9))
    heatmaps = make_heatmaps(torch.from_numpy(low)[None], (40, 63), 'before_resize', dtype=torch.float64)
    scaled = (low - low.min()) / np.ptp(low)
    np.testing.assert_allclose(heatmaps[0].numpy(), cv2.resize(scaled, (63, 40)), atol=1e-12)


def test_nearest_gives_whole_cells_and_the_box_of_the_patches():
    maps = torch.zeros(1, 14, 14)
    maps[0, 5:9, 4:10] = torch.rand(4, 6) + 0.1
    (heatmap,) = make_heatmaps(maps, (224, 224), 'before_resize', interpolation='nearest')
    rows, columns = np.nonzero(heatmap.numpy())
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (64, 80, 160, 144)
    assert torch.equal(heatmap, minmax_normalize(maps)[0].repeat_interleave(16, 0).repeat_interleave(16, 1))


def test_map_at_input_size_is_only_normalised():
    maps = torch.rand(1, 8, 8, dtype=torch.float64)
    heatmaps = make_heatmaps(maps, (8, 8), 'after_resize', interpolation='bicubic', dtype=torch.float64)
    assert torch.equal(heatmaps, minmax_normalize(maps))


def test_level_is_the_number_of_thresholds_strictly_below():
    heatmap = torch.tensor([[[0.0, 0.1, 0.15, 0.2, 0.9, float('nan')]]])
    assert quantize_heatmaps(heatmap, [0.1, 0.2, 0.5]).tolist() == [[[0, 0, 1, 1, 3, 0]]]
    assert quantize_heatmaps(heatmap, [0.1, 0.2, 0.5], comparison='>=').tolist() == [[[0, 1, 1, 2, 3, 0]]]


def test_threshold_is_compared_in_the_precision_of_the_map():
    tenth = torch.tensor([[[0.1]]])  # float32: a little above the float64 0.1
    assert quantize_heatmaps(tenth, [0.1]).item() == 0
    assert quantize_heatmaps(tenth.double(), [0.1]).item() == 1


def test_uint8_cut_is_relative_to_the_maximum_and_truncated():
    heatmap = torch.tensor([[[0.0, 0.25, 0.5]], [[0.0, 0.5, 1.0]]], dtype=torch.float64)
    # maxima 127 and 255, thresholds at int(12.7), int(63.5) and int(25.5), int(127.5)
    levels = quantize_heatmaps(heatmap, [0.1, 0.5], quantization='uint8')
    assert levels.tolist() == [[[0, 1, 2]], [[0, 1, 2]]]
    # 63 > 63 fails strictly
    heatmap[0, 0, 1] = 63.5 / 255
    assert quantize_heatmaps(heatmap, [0.1, 0.5], quantization='uint8')[0].tolist() == [[0, 1, 2]]


def test_uint8_range_floors_and_reads_nan_as_zero():
    values = torch.tensor([[[0.0, 0.999, 1.0, float('nan')]]], dtype=torch.float64)
    assert to_uint8_range(values).tolist() == [[[0, 254, 255, 0]]]


def test_uint8_values_of_a_single_precision_map_are_those_of_a_double_one():
    """So TS-CAM's float32 product needs no arithmetic of its own: no value is near enough to the next step."""
    steps = torch.arange(256, dtype=torch.float32) / 255
    values = torch.cat([steps, steps[1:].nextafter(torch.zeros(())), steps[:-1].nextafter(torch.ones(()))])
    assert torch.equal(to_uint8_range(values), to_uint8_range(values.double()).float())


def test_centre_gaussian_is_symmetric_and_spans_zero_to_one():
    heatmap = centre_gaussian((6, 9))
    assert heatmap.shape == (6, 9) and heatmap.min() == 0 and heatmap.max() == 1
    torch.testing.assert_close(heatmap, heatmap.flip(0, 1))
    assert heatmap[2, 4] == heatmap[3, 4] == 1  # an even number of rows has two middle ones


def test_order_of_the_centre_gaussian_does_not_depend_on_its_spread():
    narrow, wide = (centre_gaussian((8, 8), spread).flatten() for spread in (0.2, 0.4))
    torch.testing.assert_close(narrow.argsort(stable=True)[-4:], wide.argsort(stable=True)[-4:])
    assert torch.equal((narrow[:, None] > narrow + 1e-12), (wide[:, None] > wide + 1e-12))
