"""What a Top-1 localization got wrong: the breakdown of TS-CAM (Gao et al., ICCV 2021)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .boxes import pairwise_iou

# in the order in which they are asked for: the first that holds is an image's only one
ERROR_KINDS = ('class', 'none', 'multi', 'part', 'more', 'region')
# the same, as tables name them
ERROR_NAMES = ('classification', 'correct', 'multi-instance', 'part', 'more', 'other')

# shares of the image that part the sizes of objects; the largest true box counts, in original pixels. COCO's
# 32 and 96 pixels would call nearly every object of these data sets large
SIZE_EDGES = (0.1, 0.25, 0.5)


def error_breakdown(
    boxes: ArrayLike,
    gt_bboxes: Sequence[NDArray],
    class_is_right: ArrayLike,
    inclusive: bool = True,
    located: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Index into ``ERROR_KINDS`` of each image's Top-1 localization, (N,).

    - ``class``: the best class is not the label;
    - ``none``: nothing is wrong, the IoU with a true box is above 0.5;
    - ``multi``: the box covers more than 0.3 of each of two or more true boxes;
    - ``part``: more than 0.5 of the box lies in a true box;
    - ``more``: the box covers 0.7 or more of a true box;
    - ``region``: none of these.

    Args:
        boxes: the box of each image's best class, (N, 4) xyxy.
        gt_bboxes: its true boxes, N arrays (M, 4) in the same frame.
        class_is_right: whether the best class is the label, (N,).
        inclusive: one is added to every extent, as TS-CAM does.
        located: which boxes count as right, (N,), where another protocol than TS-CAM's says so, in place of
            the IoU above 0.5.

    Raises:
        ValueError: lengths differ, or an image has no true box.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    right = np.asarray(class_is_right, bool)
    counts = np.array([len(gt) for gt in gt_bboxes], np.int64)
    if not len(boxes) == len(right) == len(counts):
        raise ValueError(
            f'every image needs its box, its true boxes and whether its class is right: got {len(boxes)} '
            f'boxes, {len(counts)} lists of true boxes, {len(right)} classes'
        )
    if not counts.all():
        raise ValueError(f'every image needs a true box, but image {int(counts.argmin())} has none')
    if len(boxes) == 0:
        return np.empty(0, np.int64)
    first = np.cumsum(counts) - counts  # (N,) where each image's true boxes begin
    gt = np.concatenate([np.asarray(b, np.float64).reshape(-1, 4) for b in gt_bboxes])  # (sum M, 4)
    iou, of_box, of_gt = _overlaps(np.repeat(boxes, counts, axis=0), gt, inclusive)
    hit = np.maximum.reduceat(iou, first) > 0.5 if located is None else np.asarray(located, bool)
    conditions = [
        ~right,
        hit,
        np.add.reduceat((of_gt > 0.3).astype(np.int64), first) >= 2,
        np.maximum.reduceat(of_box, first) > 0.5,
        np.maximum.reduceat(of_gt, first) >= 0.7,
    ]
    return np.select(conditions, range(len(conditions)), default=ERROR_KINDS.index('region'))


def count_errors(kinds: ArrayLike, groups: ArrayLike, num_groups: int) -> NDArray[np.int64]:
    """How many images of each group (N,) in 0..G-1 are of each kind (N,): (G, len(ERROR_KINDS))."""
    cells = np.asarray(groups, np.int64) * len(ERROR_KINDS) + np.asarray(kinds, np.int64)
    return np.bincount(cells, minlength=num_groups * len(ERROR_KINDS)).reshape(num_groups, -1)


def size_groups(shares: ArrayLike, edges: Sequence[float]) -> NDArray[np.int64]:
    """Group of each object's share of the image (N,) among those that rising ``edges`` part: 0 is below the first.

    Raises:
        ValueError: the edges do not rise within (0, 1).
    """
    if list(edges) != sorted(set(edges)) or not all(0 < edge < 1 for edge in edges):
        raise ValueError(f'size edges are rising shares of the image in (0, 1), got {tuple(edges)}')
    return np.searchsorted(np.asarray(edges, np.float64), np.asarray(shares, np.float64), side='right')


def size_names(edges: Sequence[float]) -> list[str]:
    """What the groups of ``size_groups`` are called, smallest first."""
    if not len(edges):
        return ['any size']
    percent = [f'{100 * edge:.3g}' for edge in edges]
    between = [f'{low} to {high} %' for low, high in itertools.pairwise(percent)]
    return [f'below {percent[0]} %', *between, f'{percent[-1]} % and more']


def _overlaps(boxes: NDArray, gt: NDArray, inclusive: bool) -> tuple[NDArray, NDArray, NDArray]:
    """IoU, and the intersection over the box and over the true box, of pairs (P, 4): three arrays (P,)."""
    plus = 1.0 if inclusive else 0.0
    extent = np.minimum(boxes[:, 2:], gt[:, 2:]) - np.maximum(boxes[:, :2], gt[:, :2]) + plus
    intersection = np.maximum(extent, 0.0).prod(axis=1)
    of_box, of_gt = (
        np.divide(intersection, area, out=np.zeros_like(area), where=area > 0)
        for area in ((b[:, 2:] - b[:, :2] + plus).prod(axis=1) for b in (boxes, gt))
    )
    return pairwise_iou(boxes[:, None], gt[:, None], inclusive)[:, 0, 0], of_box, of_gt
