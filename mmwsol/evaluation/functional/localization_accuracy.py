"""Localization accuracies from additive integer counters.

Letters: N images, L IoU levels, T thresholds. *Hits* are booleans (N, L, T): the best box of an image at a
threshold overlaps a true box by the level. Counters are sums of hits over images, so they add over batches
and ranks, and every accuracy is a quotient of two integers: the same to the last digit however the images
were spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .boxes import pairwise_iou

# GT-known, Top-1 Loc, Top-5 Loc: among how many best classes the true one must be (None: any)
RANK_LIMITS = (None, 1, 5)

# floor(255 * heat map) has 256 values: all thresholds in [0, 1) fall on these many levels
NUM_UINT8_LEVELS = 255


def threshold_grid(interval: float) -> NDArray[np.float64]:
    """wsolevaluation's candidate thresholds: numpy.arange(0, 1, interval)."""
    if not 0 < interval <= 1:
        raise ValueError(f'the threshold interval must be in (0, 1], got {interval}')
    return np.arange(0, 1, interval)


def uint8_cuts(thresholds: ArrayLike, peak: int = NUM_UINT8_LEVELS) -> NDArray[np.int64]:
    """int(threshold * peak): where a threshold cuts a uint8 map whose maximum is ``peak``.

    A map that is normalised to its maximum has the peak 255. An all-zero map has nothing above any cut, so it
    may be read at the cuts of 255 too; counters over the 255 levels therefore answer every grid exactly.
    """
    return (np.asarray(thresholds, np.float64) * peak).astype(np.int64)


def iou_hits(
    ious: NDArray[np.float64], iou_levels: Sequence[float], comparison: Literal['>', '>='] = '>='
) -> NDArray[np.bool_]:
    """Hits (N, L, T) of best IoUs (N, T) at levels in percent."""
    levels = np.array([level / 100 for level in iou_levels])[:, None]  # (L, 1)
    return ious[:, None] > levels if comparison == '>' else ious[:, None] >= levels


def score_ranks(scores: NDArray, labels: NDArray) -> NDArray[np.int64]:
    """Rank of each image's true class in its scores (N, K), 0 = best; of equal scores the lower class leads.

    A score that is not a number ranks last.
    """
    true = scores[np.arange(len(labels)), labels][:, None]  # (N, 1)
    lower = np.arange(scores.shape[1]) < labels[:, None]  # (N, K)
    ranks = ((scores > true) | ((scores == true) & lower)).sum(axis=1)
    return np.where(np.isnan(scores).any(axis=1), scores.shape[1], ranks)


def count_hits(hits: NDArray[np.bool_], ranks: NDArray, images: NDArray | None = None) -> NDArray[np.int64]:
    """Counters (3, L, T) of hits (N, L, T): GT-known, Top-1 and Top-5 Loc; ``images`` (N,) bool selects."""
    chosen = np.ones(len(hits), bool) if images is None else images
    return np.stack([hits[chosen & within_rank(ranks, limit)].sum(axis=0) for limit in RANK_LIMITS])


def count_hits_by_class(
    hits: NDArray[np.bool_], ranks: NDArray, labels: NDArray, num_classes: int, images: NDArray | None = None
) -> NDArray[np.int64]:
    """``count_hits`` for every class: (K, 3, L, T)."""
    chosen = np.ones(len(hits), bool) if images is None else images
    counters = np.zeros((num_classes, len(RANK_LIMITS), *hits.shape[1:]), np.int64)
    for slot, limit in enumerate(RANK_LIMITS):
        kept = chosen & within_rank(ranks, limit)
        np.add.at(counters[:, slot], labels[kept], hits[kept])
    return counters


def within_rank(ranks: NDArray, limit: int | None) -> NDArray[np.bool_]:
    """Images whose true class is among the ``limit`` best; None: all. An unknown rank, -1, never is."""
    return np.ones(len(ranks), bool) if limit is None else (ranks >= 0) & (ranks < limit)


def macro_average(counters: NDArray[np.int64], images_per_class: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean over the classes that have images of counters (K, ...) / images_per_class (K,), in percent."""
    present = images_per_class > 0
    shape = (-1,) + (1,) * (counters.ndim - 1)
    return 100.0 * (counters[present] / images_per_class[present].reshape(shape)).mean(axis=0)


def max_box_accuracy(
    counters: NDArray[np.int64], num_images: int, interval: float = 0.001
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Best accuracy over the threshold grid, in percent, and the threshold that first attains it.

    ``counters`` (..., 255) count hits at the levels of uint8 heat maps. The best is taken for each entry
    apart, on the evaluated images themselves: an oracle, by wsolevaluation's definition.
    """
    grid = threshold_grid(interval)
    curve = counters[..., uint8_cuts(grid)]  # (..., J)
    return 100.0 * curve.max(axis=-1) / num_images, grid[curve.argmax(axis=-1)]


def frame_boxes(frames: NDArray) -> NDArray[np.float64]:
    """The whole input as a box, last pixel inclusive: frames (N, 2) of H, W give (N, 1, 4)."""
    sizes = np.asarray(frames, np.float64)[:, ::-1]  # (N, 2) W, H
    return np.concatenate([np.zeros_like(sizes), sizes - 1], axis=1)[:, None]


def centre_boxes(frames: NDArray, mean_width: float, mean_height: float) -> NDArray[np.float64]:
    """A centred box of one size in every input, last pixel inclusive: frames (N, 2) of H, W: (N, 1, 4)."""
    size = np.array([mean_width, mean_height])
    corner = (np.asarray(frames, np.float64)[:, ::-1] - size) / 2
    return np.concatenate([corner, corner + size - 1], axis=1)[:, None]


def fixed_box_hits(
    boxes: NDArray, gt_bboxes: Sequence[NDArray], iou_levels: Sequence[float]
) -> NDArray[np.bool_]:
    """Hits (N, L, 1) of one box an image (N, 1, 4), IoU inclusive and ``>=``."""
    ious = np.array([pairwise_iou(box, gt).max() for box, gt in zip(boxes, gt_bboxes)])
    return iou_hits(ious.reshape(-1, 1), iou_levels)
