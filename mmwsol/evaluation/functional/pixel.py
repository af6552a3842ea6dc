"""Pixel accuracies of heat maps against masks: PxAP and pIoU from pooled histograms, IoU at one threshold.

Letters: N images, B score bins. Masks are uint8: 0 background, 1 object, 255 ignored. Counters are integers and
add over images and ranks. PxAP is of Choe et al., CVPR 2020; pIoU of DA-WSOL, CVPR 2022.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from .localization_accuracy import threshold_grid

IGNORED = 255


def score_edges(interval: float = 0.001) -> NDArray[np.float64]:
    """Edges (B + 1,) of the half-open score bins: the threshold grid, then 1, 2, 3.

    A score of exactly 1 lies in [1, 2); the last bin is always empty, as published.
    """
    return np.concatenate([threshold_grid(interval), [1.0, 2.0, 3.0]])


def pixel_histograms(heatmaps: Tensor, masks: Tensor, interval: float = 0.001) -> NDArray[np.int64]:
    """Pixels of each image by score bin, (N, 2, B): background first, then object; ignored ones are dropped.

    Heat maps (N, H, W) in [0, 1], or one (1, H, W) for all images; see ``score_bins``.
    """
    check_masks(heatmaps.expand(masks.shape) if len(heatmaps) == 1 else heatmaps, masks)
    num_bins = len(score_edges(interval)) - 1
    slots = masks.clamp(max=2).long()  # 2: ignored
    slots += 3 * torch.arange(len(masks), device=masks.device)[:, None, None]
    slots = slots.mul_(num_bins).add_(score_bins(heatmaps, interval))
    counts = torch.bincount(slots.flatten(), minlength=3 * len(masks) * num_bins)
    return counts.reshape(len(masks), 3, num_bins)[:, :2].cpu().numpy()


def score_bins(heatmaps: Tensor, interval: float = 0.001) -> Tensor:
    """The bin of each score, int64 of the same shape, as ``numpy.histogram`` has it: compared in float64.

    NaN counts as 0, and what lies outside [0, 1] as 0 or 1. The quotient by the interval can be wrong by one
    next to an edge; comparing with the edges themselves puts it right.
    """
    edges = torch.from_numpy(score_edges(interval)).to(heatmaps.device)
    scores = heatmaps.double().nan_to_num(nan=0.0).clamp_(0, 1)
    bins = (scores / interval).long().clamp_(max=len(edges) - 3)  # the bin [1, 2) at most
    bins -= (scores < edges[bins]).long()
    bins += (scores >= edges[bins + 1]).long()
    return bins


def check_masks(maps: Tensor, masks: Tensor) -> None:
    """``ValueError`` unless masks (N, H, W) have the shape of the maps and hold 0, 1 and 255 only."""
    if maps.shape != masks.shape:
        raise ValueError(
            f'masks must have the size of the heat maps, got {tuple(masks.shape)} for {tuple(maps.shape)} '
            '(N, H, W); resize the mask together with its image'
        )
    bad = (masks > 1) & (masks < IGNORED)
    if bad.any():
        raise ValueError(
            f'a mask holds 0 background, 1 object and 255 ignored, got {int(masks[bad][0])}; give the files '
            'as mask_paths and ignore_path, where every value above 0 is object, or map the values'
        )


def precision_recall(histograms: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall (B,) of ``score >= edge`` for every lower bin edge, of pooled histograms (2, B).

    Precision is 1 where no pixel is that high. Raises ``ValueError`` without any object pixel.
    """
    false, true = _counts_above(histograms)
    if true[0] == 0:
        raise ValueError(
            'the masks have no object pixel that is not ignored, so PxAP and pIoU are undefined; masks must '
            'hold 1 where the object is (255 is ignored)'
        )
    found = true + false
    precision = np.divide(true, found, out=np.ones(len(found)), where=found > 0)
    return precision, true / true[0]


def pixel_average_precision(histograms: ArrayLike) -> float:
    """PxAP in percent of pooled histograms (2, B): sum of precision times gain in recall, from the top bin.

    The rectangle rule without interpolation: each bin's pixels count with the precision at its lower edge. A
    constant map gives the fraction of object pixels, a perfect one 100.
    """
    precision, recall = (values[::-1] for values in precision_recall(histograms))
    return float(100.0 * (precision * np.diff(recall, prepend=0.0)).sum())


def iou_curve(histograms: ArrayLike) -> NDArray[np.float64]:
    """IoU in percent of ``score >= edge`` with the objects, over pooled pixels, for every lower bin edge (B,)."""
    false, true = _counts_above(histograms)
    union = false + true[0]
    return 100.0 * np.divide(true, union, out=np.zeros(len(union)), where=union > 0)


def peak_iou(histograms: ArrayLike, interval: float = 0.001) -> tuple[float, float]:
    """pIoU, the peak of ``iou_curve`` in percent, and the lowest threshold that attains it: an oracle."""
    precision_recall(histograms)  # refuses masks without objects
    curve = iou_curve(histograms)
    best = int(curve.argmax())
    return float(curve[best]), float(score_edges(interval)[best])


def mask_confusion(foreground: Tensor, masks: Tensor) -> NDArray[np.int64]:
    """True positive, false positive and false negative pixels (N, 3) of boolean foregrounds (N, H, W)."""
    check_masks(foreground, masks)
    true, valid = masks == 1, masks != IGNORED
    counts = [foreground & true, foreground & ~true & valid, ~foreground & true]
    return torch.stack([part.flatten(1).sum(dim=1) for part in counts], dim=1).cpu().numpy()


def confusion_iou(confusion: ArrayLike) -> NDArray[np.float64]:
    """IoU in percent (...,) of confusion counts (..., 3); NaN where there is no object."""
    true, false, missed = np.moveaxis(np.asarray(confusion), -1, 0)
    return 100.0 * np.where(true + missed > 0, true / np.maximum(true + false + missed, 1), np.nan)


def _counts_above(histograms: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Background and object pixels (B,) in each bin and all above it."""
    false, true = np.asarray(histograms)[:, ::-1].cumsum(axis=1)[:, ::-1]
    return false, true
