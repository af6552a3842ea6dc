from __future__ import annotations

import numpy as np
import pytest
import torch

from mmwsol.evaluation.functional.pixel import (
    confusion_iou,
    iou_curve,
    mask_confusion,
    peak_iou,
    pixel_average_precision,
    pixel_histograms,
    precision_recall,
    score_bins,
    score_edges,
)

SHAPE = (3, 12, 17)


@pytest.fixture
def maps() -> torch.Tensor:
    """Scores on and off the grid, with 0 and 1."""
    rng = np.random.default_rng(0)
    values = rng.random(SHAPE)
    values[0] = rng.integers(0, 11, SHAPE[1:]) / 10
    values[1, 0] = rng.integers(0, 1001, SHAPE[2]) * 0.001
    return torch.from_numpy(values)


@pytest.fixture
def masks() -> torch.Tensor:
    values = np.random.default_rng(1).choice([0, 1, 255], SHAPE, p=[0.6, 0.3, 0.1])
    return torch.from_numpy(values.astype(np.uint8))


def _scores_and_truth(maps: torch.Tensor, masks: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    valid = masks.numpy() != 255
    return maps.double().numpy()[valid], masks.numpy()[valid] == 1


def _average_precision(scores: np.ndarray, truth: np.ndarray, edges: np.ndarray) -> float:
    """One threshold after the other, from the highest: precision times the recall it adds."""
    total, recall = 0.0, 0.0
    for edge in edges[::-1]:
        found = scores >= edge
        if found.any():
            now = (found & truth).sum() / truth.sum()
            total += (found & truth).sum() / found.sum() * (now - recall)
            recall = now
    return 100 * total


@pytest.mark.parametrize('interval', [0.001, 0.01, 0.3])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_histograms_are_those_of_numpy(maps, masks, interval, dtype):
    ours = pixel_histograms(maps.to(dtype), masks, interval)
    for image, mask, counts in zip(maps.to(dtype).numpy().astype(float), masks.numpy(), ours):
        for value in (0, 1):
            expected, _ = np.histogram(image[mask == value], score_edges(interval))
            np.testing.assert_array_equal(counts[value], expected)


@pytest.mark.parametrize('interval', [0.001, 0.01, 0.049, 1 / 49, 0.3, 1.0])
def test_bins_are_right_next_to_every_edge(interval):
    edges = score_edges(interval)[:-2]
    scores = np.unique(np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 2)]).clip(0, 1))
    expected = np.searchsorted(score_edges(interval), scores, side='right') - 1
    np.testing.assert_array_equal(score_bins(torch.from_numpy(scores), interval).numpy(), expected)


def test_one_heat_map_may_serve_all_images(maps, masks):
    np.testing.assert_array_equal(
        pixel_histograms(maps[:1], masks), pixel_histograms(maps[:1].expand(SHAPE), masks)
    )


def test_bins_end_with_one_and_an_empty_one():
    np.testing.assert_array_equal(score_edges(0.25), [0, 0.25, 0.5, 0.75, 1, 2, 3])
    counts = pixel_histograms(
        torch.tensor([[[0.0, 1.0, 0.75]]]), torch.ones(1, 1, 3, dtype=torch.uint8), 0.25
    )
    assert counts.tolist() == [[[0] * 6, [1, 0, 0, 1, 1, 0]]]


@pytest.mark.parametrize('interval', [0.001, 0.01, 0.3])
def test_average_precision_equals_a_plain_loop(maps, masks, interval):
    pooled = pixel_histograms(maps, masks, interval).sum(axis=0)
    expected = _average_precision(*_scores_and_truth(maps, masks), score_edges(interval))
    assert pixel_average_precision(pooled) == pytest.approx(expected, rel=1e-12)


def test_average_precision_equals_that_of_ranked_scores_where_each_score_has_a_bin(masks):
    """The mean, over object pixels, of the precision among the pixels that score as high: no bins at all."""
    maps = torch.from_numpy(np.random.default_rng(2).integers(0, 100, SHAPE) / 100 + 0.005)
    scores, truth = _scores_and_truth(maps, masks)
    expected = 100 * np.mean([truth[scores >= score].mean() for score in scores[truth]])
    pooled = pixel_histograms(maps, masks, 0.01).sum(axis=0)
    assert pixel_average_precision(pooled) == pytest.approx(expected, rel=1e-12)


def test_iou_curve_and_its_peak_equal_a_plain_loop(maps, masks):
    scores, truth = _scores_and_truth(maps, masks)
    expected = [
        100 * ((scores >= edge) & truth).sum() / ((scores >= edge) | truth).sum()
        for edge in score_edges(0.01)[:-1]
    ]
    pooled = pixel_histograms(maps, masks, 0.01).sum(axis=0)
    np.testing.assert_allclose(iou_curve(pooled), expected, rtol=1e-12)
    assert peak_iou(pooled, 0.01) == pytest.approx((max(expected), 0.01 * int(np.argmax(expected))))


def test_perfect_map_scores_a_hundred(masks):
    pooled = pixel_histograms((masks == 1).double(), masks).sum(axis=0)
    assert pixel_average_precision(pooled) == 100
    assert peak_iou(pooled) == (100, 0.001)  # any threshold in (0, 1] is right; the lowest is reported


@pytest.mark.parametrize('value', [0.0, 0.4, 1.0])
def test_constant_map_scores_the_fraction_of_object_pixels(masks, value):
    pooled = pixel_histograms(torch.full(SHAPE, value), masks).sum(axis=0)
    fraction = 100 * float((masks == 1).sum() / (masks != 255).sum())
    assert pixel_average_precision(pooled) == pytest.approx(fraction)
    assert peak_iou(pooled) == pytest.approx((fraction, 0.0))


def test_inverted_map_is_worse_than_a_constant_one(masks):
    inverted = pixel_histograms((masks != 1).double(), masks).sum(axis=0)
    constant = pixel_histograms(torch.zeros(SHAPE), masks).sum(axis=0)
    assert pixel_average_precision(inverted) == pixel_average_precision(constant)
    assert iou_curve(inverted)[1] == 0


def test_histograms_add_over_images(maps, masks):
    together = pixel_histograms(maps, masks)
    apart = [pixel_histograms(maps[i : i + 1], masks[i : i + 1])[0] for i in range(len(maps))]
    np.testing.assert_array_equal(together, apart)


def test_ignored_pixels_do_not_count(maps, masks):
    changed = torch.where(masks == 255, 1 - maps, maps)
    np.testing.assert_array_equal(pixel_histograms(maps, masks), pixel_histograms(changed, masks))
    assert pixel_histograms(maps, masks).sum() == (masks != 255).sum()


def test_image_without_object_is_allowed_and_lowers_precision(maps, masks):
    empty = masks.clone()
    empty[1:] = 0
    less = pixel_average_precision(pixel_histograms(maps, empty).sum(axis=0))
    assert less < pixel_average_precision(pixel_histograms(maps[:1], empty[:1])[0])


@pytest.mark.parametrize('value', [0, 255])
def test_no_object_pixel_at_all_is_an_error(maps, value):
    pooled = pixel_histograms(maps, torch.full(SHAPE, value, dtype=torch.uint8)).sum(axis=0)
    for number in (pixel_average_precision, peak_iou, precision_recall):
        with pytest.raises(ValueError, match='no object pixel that is not ignored'):
            number(pooled)


def test_values_that_are_no_score_count_as_the_nearest_one():
    heatmaps = torch.tensor([[[float('nan'), -1e-9, 1 + 1e-6, 5.0]]], dtype=torch.float64)
    counts = pixel_histograms(heatmaps, torch.zeros(1, 1, 4, dtype=torch.uint8), 0.5)
    assert counts.tolist() == [[[2, 0, 2, 0], [0, 0, 0, 0]]]


def test_masks_of_another_meaning_are_refused(maps, masks):
    with pytest.raises(ValueError, match='got 7; give the files as mask_paths'):
        pixel_histograms(maps, torch.where(masks == 1, 7, masks).to(torch.uint8))
    with pytest.raises(ValueError, match=r'must have the size of the heat maps, got \(3, 12, 5\)'):
        pixel_histograms(maps, masks[:, :, :5])


def test_confusion_equals_a_plain_loop(maps, masks):
    confusion = mask_confusion(maps > 0.5, masks)
    for image, mask, counts in zip(maps.numpy() > 0.5, masks.numpy(), confusion):
        found, truth = image[mask != 255], mask[mask != 255] == 1
        assert counts.tolist() == [(found & truth).sum(), (found & ~truth).sum(), (~found & truth).sum()]
        assert confusion_iou(counts) == pytest.approx(100 * (found & truth).sum() / (found | truth).sum())


def test_iou_without_an_object_is_undefined():
    np.testing.assert_array_equal(confusion_iou([[0, 5, 0], [0, 0, 0], [0, 0, 4]]), [np.nan, np.nan, 0])
