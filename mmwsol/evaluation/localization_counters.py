"""Additive integer counters of a localization test, from per-image records.

A *record* holds one batch: ``sample_idx``, ``label`` and ``rank`` (n,) and, if the images have boxes,
``packed`` hits of every sweep, ``frame`` (n, 2) H, W, and wsolevaluation's true boxes ``gt`` with
``gt_count`` (n,). About 200 bytes an image and heat map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from numpy.typing import NDArray

from .functional.boxes import pairwise_iou
from .functional.heatmaps import centre_gaussian, to_uint8_range
from .functional.localization_accuracy import (
    NUM_UINT8_LEVELS,
    centre_boxes,
    count_hits,
    count_hits_by_class,
    fixed_box_hits,
    frame_boxes,
    iou_hits,
    within_rank,
)
from .localization import protocol_boxes
from .localization_plan import STANDARD, LocalizationPlan

CENTRE_GAUSSIAN = 'centre Gaussian'

Record = dict[str, Any]
Counters = dict[str, Any]


def pack_hits(hits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Hits (n, L, T) as bits (n, bytes)."""
    return np.packbits(hits.reshape(len(hits), -1), axis=1)


def unpack_hits(packed: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Hits (n, L, T) from bits."""
    return np.unpackbits(packed, axis=1, count=shape[0] * shape[1]).reshape(-1, *shape).astype(bool)


def check_all_or_none_boxed(boxed: bool, unboxed: Sequence[str]) -> None:
    """``ValueError`` that names an image without a box where others have one."""
    if boxed and unboxed:
        raise ValueError(
            f'{unboxed[0]} has no ground-truth box, but other images have; add its box, or leave the image '
            'out of the evaluated split'
        )


def assign_images(records: Sequence[Record]) -> tuple[list[NDArray[np.bool_]], int]:
    """Which images of each record this rank counts, and how many classes the labels of all ranks span.

    Every ``sample_idx`` counts once: where it occurs first on the lowest rank that holds it.
    """
    indices = np.concatenate([np.empty(0, np.int64), *(record['sample_idx'] for record in records)])
    own = dict(
        indices=indices,
        num_classes=max((int(record['label'].max()) + 1 for record in records), default=0),
        boxed=any('packed' in record for record in records),
        unboxed=[name for record in records for name in record['unboxed']][:1],
    )
    ranks = all_gather_object(own)
    check_all_or_none_boxed(any(r['boxed'] for r in ranks), [name for r in ranks for name in r['unboxed']])
    mask = count_once(indices, [r['indices'] for r in ranks])
    ends = np.cumsum([len(record['sample_idx']) for record in records])
    return np.split(mask, ends[:-1]) if records else [], max(r['num_classes'] for r in ranks)


def count_once(indices: NDArray[np.int64], of_ranks: Sequence[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """Which images of this rank count: each ``sample_idx`` where it first occurs, on the lowest rank that has it.

    ``of_ranks`` holds the ``indices`` of every rank. Images without one, -1, all count, in one process only.
    """
    if any((other < 0).any() for other in of_ranks):
        if get_world_size() > 1:
            raise ValueError('a distributed test needs sample_idx in every sample, so that each counts once')
        return np.ones(len(indices), bool)
    mask = np.zeros(len(indices), bool)
    mask[np.unique(indices, return_index=True)[1]] = True
    for lower in of_ranks[: get_rank()]:
        mask &= ~np.isin(indices, lower)
    return mask


def count_records(
    records: Sequence[Record], keep: Sequence[NDArray[np.bool_]], num_classes: int, plan: LocalizationPlan
) -> Counters:
    """Counters of the kept images, added over all ranks.

    Integers ``images``, ``boxed`` (images with boxes), ``unranked`` (without scores); arrays ``per_class``
    (K,), ``ranked`` (K, 2) for top-1 and top-5, ``whole`` (L,) hits of the whole image, ``gt_size`` sum of
    true widths, of heights, and number of boxes; by sweep (3, L, T), and ``<sweep>/class`` (K, 3, L, T) for
    class averages.
    """
    by_class = {sweep for row in plan.class_averaged() for sweep in plan.sweeps(row)}
    totals: Counters = {key: np.zeros((3, *shape), np.int64) for key, shape in plan.hit_shapes.items()}
    totals |= {
        f'{key}/class': np.zeros((num_classes, 3, *plan.hit_shapes[key]), np.int64) for key in by_class
    }
    totals |= dict(images=0, boxed=0, unranked=0)
    totals['per_class'] = np.zeros(num_classes, np.int64)
    totals['ranked'] = np.zeros((num_classes, 2), np.int64)
    totals['whole'] = np.zeros(len(plan.levels), np.int64)
    totals['gt_size'] = np.zeros(3, np.int64)
    for record, images in zip(records, keep):
        label, rank = record['label'], record['rank']
        totals['images'] += int(images.sum())
        totals['unranked'] += int((images & (rank < 0)).sum())
        totals['per_class'] += np.bincount(label[images], minlength=num_classes)
        for slot, limit in enumerate((1, 5)):
            right = images & within_rank(rank, limit)
            totals['ranked'][:, slot] += np.bincount(label[right], minlength=num_classes)
        if 'packed' not in record:
            continue
        totals['boxed'] += int(images.sum())
        for key, shape in plan.hit_shapes.items():
            hits = unpack_hits(record['packed'][key], shape)
            totals[key] += count_hits(hits, rank, images)
            if key in by_class:
                totals[f'{key}/class'] += count_hits_by_class(hits, rank, label, num_classes, images)
        totals['whole'] += _fixed_box_count(frame_boxes(record['frame']), record, images, plan)
        totals['gt_size'] += _gt_size_sum(record, images)
    return sum_over_ranks(totals)


def count_centre_box(
    records: Sequence[Record],
    keep: Sequence[NDArray[np.bool_]],
    gt_size: NDArray[np.int64],
    plan: LocalizationPlan,
) -> tuple[NDArray[np.int64], tuple[float, float]]:
    """Hits (L,) of the centred box of the mean true size, and that size, which needs a second pass."""
    width_sum, height_sum, count = (int(value) for value in gt_size)
    width, height = width_sum / max(count, 1), height_sum / max(count, 1)
    hits = np.zeros(len(plan.levels), np.int64)
    for record, images in zip(records, keep):
        hits += _fixed_box_count(centre_boxes(record['frame'], width, height), record, images, plan)
    return sum_over_ranks({'hits': hits})['hits'], (width, height)


def count_centre_gaussian(
    records: Sequence[Record], keep: Sequence[NDArray[np.bool_]], plan: LocalizationPlan
) -> NDArray[np.int64]:
    """Hits (L, T) of the box of a Gaussian heat map on the middle at each uint8 level, by wsolevaluation's rules.

    It has one component at every level, so MaxBoxAcc and MaxBoxAccV2 read the same boxes.
    """
    protocol = STANDARD['v2']
    boxes: dict[tuple[int, int], NDArray[np.float64]] = {}
    hits = np.zeros((len(plan.levels), NUM_UINT8_LEVELS), np.int64)
    for record, images in zip(records, keep):
        for frame in {(h, w) for h, w in record['frame'].tolist()} - boxes.keys():
            levels = to_uint8_range(centre_gaussian(frame)[None]).to(torch.int16).numpy()
            boxes[frame] = protocol_boxes(levels, NUM_UINT8_LEVELS, protocol)[0]  # (T, 4)
        ious = [
            pairwise_iou(boxes[h, w], gt, protocol.inclusive_iou).max(axis=1)
            for (h, w), gt in zip(record['frame'].tolist(), _gt_bboxes(record))
        ]
        hits += iou_hits(np.stack(ious), plan.levels, protocol.hit)[images].sum(axis=0)
    return sum_over_ranks({'hits': hits})['hits']


def sum_over_ranks(counters: Counters) -> Counters:
    """Counters of all ranks added; exact, since they are integers."""
    ranks = all_gather_object(counters)
    return {key: sum(rank[key] for rank in ranks) for key in counters}


def _gt_bboxes(record: Record) -> list[NDArray[np.int32]]:
    return np.split(record['gt'], np.cumsum(record['gt_count'])[:-1])


def _fixed_box_count(
    boxes: NDArray, record: Record, images: NDArray[np.bool_], plan: LocalizationPlan
) -> NDArray[np.int64]:
    hits = fixed_box_hits(boxes, _gt_bboxes(record), plan.levels)  # (n, L, 1)
    return hits[images].sum(axis=(0, 2))


def _gt_size_sum(record: Record, images: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Sum of widths, of heights, and number of true boxes, without those wholly in the cropped margin."""
    boxes = record['gt'][np.repeat(images, record['gt_count'])].astype(np.int64)
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    sizes = sizes[(sizes > 0).all(axis=1)]
    return np.array([*sizes.sum(axis=0), len(sizes)])
