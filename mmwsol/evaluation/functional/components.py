"""Components of a map at every threshold, in one exact sweep.

A *level image* holds integers in [0, T]; the foreground of level t (t = 0..T-1) is ``levels > t``. One
union-find pass over the pixels from high to low (and, for holes, one from low to high) gives the components
of all T levels at the cost of about one. ``cv2.findContours`` is called "contour" below: foreground
8-connected, background 4-connected, everything outside the image background.

Three ways to box a level, all in first/last pixel coordinates:

- ``largest_pixels`` (BAS, SAT): the component with the most pixels; of equals the first in raster order.
- ``largest_contour`` (wsolevaluation V1): the component whose outer contour has the largest polygon area; of
  equals the one whose first pixel comes last in raster order, which is what the first entry of OpenCV's list
  is.
- ``all_contours`` (wsolevaluation V2): every outer contour, and every hole with its box grown by one on all
  sides.

The polygon runs through pixel centres: its area is n4 + n3 / 2, where n4 and n3 count the 2x2 windows of the
hole-filled component with four and three pixels. Hole filling is done once, on the grey levels.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .component_sweep import best_overlap, list_contours, sweep_contours, sweep_largest

LargestBy = Literal['pixels', 'contour']

MAX_LEVELS = int(np.iinfo(np.int16).max)


def _split_among_threads(work: Callable[[int, int], None], count: int, num_threads: int) -> None:
    """Call ``work(start, stop)`` for ranges that cover ``count`` images; sweeps hold no interpreter lock."""
    num_threads = max(1, min(num_threads, count))
    bounds = [count * i // num_threads for i in range(num_threads + 1)]
    if num_threads == 1:
        work(0, count)
        return
    with ThreadPoolExecutor(num_threads) as pool:
        list(pool.map(work, bounds[:-1], bounds[1:]))


def _checked_levels(levels: ArrayLike, num_levels: int) -> NDArray[np.int16]:
    """Contiguous int16 (N, H, W) level images, or ``ValueError``."""
    array = np.asarray(levels)
    if array.ndim != 3 or 0 in array.shape[1:]:
        raise ValueError(f'level images must be a non-empty array (N, H, W), got the shape {array.shape}')
    if not 1 <= num_levels <= MAX_LEVELS:
        raise ValueError(f'the number of levels must be in 1..{MAX_LEVELS}, got {num_levels}')
    if array.size and (array.min() < 0 or array.max() > num_levels):
        raise ValueError(
            f'level images must hold integers in 0..{num_levels}, got {array.min()}..{array.max()}'
        )
    return np.ascontiguousarray(array, dtype=np.int16)


def largest_components(
    levels: ArrayLike, num_levels: int, by: LargestBy = 'pixels', num_threads: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The largest component of each level of N level images (N, H, W).

    Returns pixel extents (N, T, 4), first and last column and row as x0, y0, x1, y1, -1 where nothing is
    above the level; and sizes (N, T): pixels, or polygon area for ``by='contour'``.
    """
    if by not in get_args(LargestBy):
        raise ValueError(f'by must be one of {get_args(LargestBy)}, got {by!r}')
    images = _checked_levels(levels, num_levels)
    extents = np.empty((len(images), num_levels, 4), np.int32)
    sizes = np.empty((len(images), num_levels), np.int32)

    def sweep(start: int, stop: int) -> None:
        part = slice(start, stop)
        sweep_largest(images[part], num_levels, by == 'contour', extents[part], sizes[part])

    _split_among_threads(sweep, len(images), num_threads)
    return extents, sizes / (2.0 if by == 'contour' else 1.0)


def best_contour_ious(
    levels: ArrayLike,
    num_levels: int,
    gt_bboxes: list[NDArray],
    edge: Literal['one_past', 'inclusive'] = 'one_past',
    clip_to_last_pixel: bool = True,
    inclusive: bool = True,
    empty_box: tuple[float, float, float, float] = (0, 0, 0, 0),
    num_threads: int = 1,
) -> NDArray[np.float64]:
    """Largest IoU over the boxes of all contours, holes included, and all true boxes, for each level: (N, T).

    ``gt_bboxes`` holds one (M, 4) array per image, in the frame of the level images. The defaults are
    wsolevaluation's.
    """
    images = _checked_levels(levels, num_levels)
    if len(gt_bboxes) != len(images):
        raise ValueError(
            f'every level image needs its true boxes: {len(images)} images, {len(gt_bboxes)} lists'
        )
    height, width = images.shape[1:]
    x_limit, y_limit = (width - 1.0, height - 1.0) if clip_to_last_pixel else (np.inf, np.inf)
    counts = [len(boxes) for boxes in gt_bboxes]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    flat = np.concatenate([np.asarray(b, np.float64).reshape(-1, 4) for b in gt_bboxes] + [np.empty((0, 4))])
    plus = 1.0 if inclusive else 0.0
    x0, y0, x1, y1 = map(float, empty_box)
    empty = np.array([best_overlap(x0, y0, x1, y1, flat[a:b], plus) for a, b in pairwise(offsets)])
    past = int(edge == 'one_past')
    best = np.empty((len(images), num_levels))

    def sweep(start: int, stop: int) -> None:
        part, gt = slice(start, stop), offsets[start : stop + 1]
        rules = (past, x_limit, y_limit, plus)
        sweep_contours(images[part], num_levels, flat, gt, *rules, empty[part], best[part])

    _split_among_threads(sweep, len(images), num_threads)
    return best


def contour_extents(mask: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Pixel extents of the contours of a mask (H, W), in raster order: outer ones (A, 4), holes (B, 4)."""
    binary = np.ascontiguousarray(np.asarray(mask) > 0, dtype=np.uint8)
    if binary.ndim != 2:
        raise ValueError(f'the mask must be two-dimensional, got the shape {binary.shape}')
    extents = np.empty((binary.size + 1, 4), np.int32)
    outer, count = list_contours(binary, extents)
    return extents[:outer].copy(), extents[outer:count].copy()
