"""A protocol at work: which map, which heat map, which boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from .functional.boxes import extents_to_boxes, pairwise_iou
from .functional.components import LargestBy, best_contour_ious, contour_extents, largest_components
from .functional.heatmaps import make_heatmaps, quantize_heatmaps
from .protocols import Protocol

# for pictures, where a protocol picks its threshold only after all images: a fifth of the maximum, as in CAM
DISPLAY_THRESHOLD = 0.2


def _gt_map_index(map_labels: NDArray, gt_labels: NDArray, protocol: Protocol) -> NDArray[np.int64]:
    """Where each image's map of the true class lies, (N,); class-agnostic maps serve if there is none."""
    matches = map_labels == gt_labels[:, None]  # (N, C)
    matches = np.where(matches.any(axis=1, keepdims=True), matches, map_labels == -1)
    if not matches.any(axis=1).all():
        image = int(np.argmin(matches.any(axis=1)))
        raise ValueError(
            f'protocol {protocol.name} boxes the map of the true class, {gt_labels[image]}, but the head '
            f'kept the maps of {map_labels[image].tolist()[:10]} only; set model.head.keep_gt=True, '
            'or model.head.topk to the number of classes'
        )
    return map_labels.shape[1] - 1 - np.argmax(matches[:, ::-1], axis=1)  # the last one


def select_maps(
    pred_maps: Tensor,
    map_labels: Tensor,
    gt_labels: Tensor | None,
    protocol: Protocol,
    num_classes: int | None = None,
) -> Tensor:
    """The map that a protocol boxes, (N, h, w), from ``pred_maps`` (N, C, h, w) with ``map_labels`` (N, C).

    Of a protocol that boxes each of the best classes it is the best one's. The order of maps is that of the
    table in ``LocDataSample``. Raises ``ValueError`` if the head kept too few.
    """
    labels = map_labels.cpu().numpy()
    if protocol.uses_gt_map:
        if gt_labels is None:
            raise ValueError(
                f'protocol {protocol.name} boxes the map of the true class; the images have no gt_label'
            )
        index = _gt_map_index(labels, gt_labels.cpu().numpy(), protocol)
        return pred_maps[torch.arange(len(index)), torch.from_numpy(index)]
    best = _best_maps(pred_maps, labels, gt_labels, protocol, num_classes)
    return best.mean(dim=1) if protocol.map_source == 'topk_mean' else best[:, 0]


def select_each_map(
    pred_maps: Tensor,
    map_labels: Tensor,
    gt_labels: Tensor,
    protocol: Protocol,
    num_classes: int | None = None,
) -> tuple[Tensor, NDArray[np.bool_]]:
    """The maps (N, k, h, w) of the best classes, in falling order, and which of them is the true one's (N, k).

    k is ``protocol.topk``, all classes if there are fewer, and 1 for a class-agnostic map, which counts as
    the true class's. Raises ``ValueError`` if the head kept too few.
    """
    labels = map_labels.cpu().numpy()
    best = _best_maps(pred_maps, labels, gt_labels, protocol, num_classes)
    chosen = labels[:, : best.shape[1]]
    return best, (chosen == gt_labels.cpu().numpy()[:, None]) | (chosen == -1)


def _best_maps(
    pred_maps: Tensor,
    labels: NDArray,
    gt_labels: Tensor | None,
    protocol: Protocol,
    num_classes: int | None,
) -> Tensor:
    """Maps (N, k, h, w) of as many best classes as a protocol wants, or the class-agnostic one."""
    if (labels[:, 0] == -1).all():
        return pred_maps[:, :1]
    wanted = 1 if protocol.map_source == 'top1' else min(protocol.topk, num_classes or protocol.topk)
    best = np.sort(labels[:, :wanted], axis=1)
    if (
        best.shape[1] < wanted
        or (best[:, 1:] == best[:, :-1]).any()
        or (wanted != num_classes and _ends_with_gt(labels, gt_labels, wanted))
    ):
        raise ValueError(
            f'protocol {protocol.name} needs the maps of the {wanted} best classes, but the head kept '
            f'{labels.shape[1]} maps; set model.head.topk>={wanted}'
        )
    return pred_maps[:, :wanted]


def _ends_with_gt(labels: NDArray, gt_labels: Tensor | None, wanted: int) -> bool:
    """Whether the last wanted map of several images is always the true class's, so kept for that only."""
    if gt_labels is None or labels.shape[1] != wanted or wanted == 1 or len(labels) < 2:
        return False
    return bool((labels[:, -1] == gt_labels.cpu().numpy()).all())


def protocol_heatmaps(maps: Tensor, protocol: Protocol, img_shape: tuple[int, int]) -> Tensor:
    """Heat maps (N, H, W) of selected maps (N, h, w) under a protocol's normalisation and interpolation."""
    return make_heatmaps(
        maps,
        img_shape,
        protocol.normalize,
        protocol.minmax_eps,
        protocol.constant_map,
        protocol.interpolation,
        getattr(torch, protocol.dtype),
    )


def protocol_levels(heatmaps: Tensor, protocol: Protocol, thresholds: ArrayLike) -> Tensor:
    """Level images (N, H, W) int16 of heat maps at rising ``thresholds`` under a protocol's quantization."""
    return quantize_heatmaps(heatmaps, thresholds, protocol.quantization, protocol.comparison)


def protocol_boxes(
    levels: NDArray, num_levels: int, protocol: Protocol, num_threads: int = 1
) -> NDArray[np.float64]:
    """The box of each level of level images (N, H, W): (N, T, 4).

    Of a protocol that proposes all contours it is the largest contour's.
    """
    by: LargestBy = 'pixels' if protocol.component == 'largest_pixels' else 'contour'
    extents, _ = largest_components(levels, num_levels, by, num_threads)
    return extents_to_boxes(
        extents, levels.shape[1:], protocol.box_edge, protocol.clip_to_last_pixel, protocol.empty_box
    )


def protocol_ious(
    levels: NDArray,
    num_levels: int,
    gt_bboxes: Sequence[NDArray],
    protocol: Protocol,
    num_threads: int = 1,
) -> NDArray[np.float64]:
    """Best IoU of each level's proposed boxes with an image's true boxes: (N, T)."""
    if protocol.component == 'all_contours':
        frame = (0, 0, levels.shape[2], levels.shape[1])
        return best_contour_ious(
            levels,
            num_levels,
            list(gt_bboxes),
            protocol.box_edge,
            protocol.clip_to_last_pixel,
            protocol.inclusive_iou,
            frame if protocol.empty_box == 'frame' else protocol.empty_box,
            num_threads,
        )
    boxes = protocol_boxes(levels, num_levels, protocol, num_threads)
    ious = [pairwise_iou(b, gt, protocol.inclusive_iou).max(axis=1) for b, gt in zip(boxes, gt_bboxes)]
    return np.stack(ious)  # (N, T)


def nearest_boxes(
    levels: NDArray, gt_bboxes: Sequence[NDArray], protocol: Protocol
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The box of each image at one threshold (N, 4) and its best IoU with a true box (N,), from ``levels`` (N, H, W).

    Of a protocol that proposes all contours it is the one that overlaps a true box best, of equals the first.
    """
    if protocol.component != 'all_contours':
        candidates = list(protocol_boxes(levels, 1, protocol))  # N of (1, 4)
    else:
        rules = (levels.shape[1:], protocol.box_edge, protocol.clip_to_last_pixel, protocol.empty_box)
        extents = [np.concatenate(contour_extents(image)) for image in levels]
        nothing = np.full((1, 4), -1)
        candidates = [extents_to_boxes(e if len(e) else nothing, *rules) for e in extents]
    ious = [pairwise_iou(b, gt, protocol.inclusive_iou).max(axis=1) for b, gt in zip(candidates, gt_bboxes)]
    best = [int(iou.argmax()) for iou in ious]
    return np.array([b[i] for b, i in zip(candidates, best)]), np.array([u[i] for u, i in zip(ious, best)])


def localize(
    pred_maps: Tensor,
    map_labels: Tensor,
    gt_label: Tensor | int | None,
    protocol: Protocol,
    img_shape: tuple[int, int],
    num_classes: int | None = None,
    threshold: float | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Heat map (H, W) in [0, 1] and box (4,), xyxy in the network input, of one image's raw maps (C, h, w).

    ``threshold`` is for protocols that choose theirs on the evaluated data, e.g. the chosen one; without it
    their box is taken at the first of ``oracle joint``'s list, or at ``DISPLAY_THRESHOLD``.
    """
    labels = None if gt_label is None else torch.as_tensor(gt_label).reshape(1)
    maps = select_maps(pred_maps[None], map_labels[None], labels, protocol, num_classes)  # (1, h, w)
    heatmaps = protocol_heatmaps(maps, protocol, (img_shape[0], img_shape[1]))
    if threshold is None:
        open_choice = protocol.threshold_source in ('oracle', 'oracle per level') or protocol.awaits_threshold
        threshold = DISPLAY_THRESHOLD if open_choice else protocol.thresholds[0]
    levels = protocol_levels(heatmaps, protocol, [threshold]).cpu().numpy()
    box = protocol_boxes(levels, 1, protocol)[0, 0]
    return heatmaps[0].nan_to_num(nan=0.0).clamp(0, 1).float().cpu().numpy(), box
