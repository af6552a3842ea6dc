"""SAT's evaluation, from raw maps and class scores to the printed numbers, against golden numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmwsol.evaluation import get_protocol
from mmwsol.evaluation.functional.boxes import boxes_to_input, pairwise_iou
from mmwsol.evaluation.localization import protocol_boxes, protocol_heatmaps, protocol_levels

from .parity import Comparison, Fixture, compare
from .parity_protocols import FRAME, evaluated_row

RESIZED, MARGIN = (256, 256), (16, 16)
# the printed line has two decimals
PRINTED = 0.005 + 1e-9
PRINTED_NAMES = {
    'cls_top1': 'Cls top-1',
    'cls_top5': 'Cls top-5',
    'thr': 'threshold',
    'gt_loc': 'GT-known',
    'loc_top1': 'Top-1 Loc',
    'loc_top5': 'Top-5 Loc',
    'IoU30': 'IoU@30',
    'IoU50': 'IoU@50',
    'IoU70': 'IoU@70',
    'Mean': 'IoU',
}


def check_sat_evaluation(
    fixture: Fixture,
    path: Path,
    maps: Tensor | None = None,
    centre_scores: Tensor | None = None,
    ten_crop_scores: Tensor | None = None,
) -> Iterator[Comparison]:
    """True boxes, boxes, IoU and, for each stored list of thresholds, the chosen one and every number.

    What a model has computed takes the place of the stored ``maps`` (N, h, w), ``logits_center`` (N, K; also
    their softmax, only the order counts) and ``tencrop_prob`` (N, K).
    """
    maps = torch.from_numpy(fixture['maps']) if maps is None else maps
    scores = {
        'ten0': torch.from_numpy(fixture['logits_center']) if centre_scores is None else centre_scores,
        'ten1': torch.from_numpy(fixture['tencrop_prob']) if ten_crop_scores is None else ten_crop_scores,
    }
    top5 = scores['ten0'].topk(5, dim=1).indices
    yield compare('pred_top5_center', top5.numpy(), fixture['pred_top5_center'])
    yield from _compare_boxes(fixture, maps)
    for key in sorted(key for key in fixture if key.endswith('/ret_top1_gt_thr')):
        name = key.split('/')[0]
        views, _, thresholds = name.partition('_thr')
        samples = _samples(fixture, maps, scores[views])
        row = evaluated_row(samples, get_protocol('sat', threshold=[float(t) for t in thresholds.split('_')]))
        returned = [row[number] for number in ('Top-1 Loc', 'GT-known', 'threshold')]
        yield compare(f'{name}/returned', returned, fixture[key], 1e-12)
        yield from _compare_printed(f'{name}/', row, str(fixture[f'{name}/log']))


def _compare_boxes(fixture: Fixture, maps: Tensor) -> Iterator[Comparison]:
    thresholds = fixture['thr'].tolist()
    protocol = get_protocol('sat', threshold=thresholds)
    gt = np.concatenate(
        [
            boxes_to_input(
                raw[None, :4], tuple(raw[4:]), RESIZED, MARGIN, FRAME, rounding=protocol.gt_rounding
            )
            for raw in _raw_boxes(fixture)
        ]
    )
    yield compare('gt_boxes_crop', gt, fixture['gt_boxes_crop'])
    levels = protocol_levels(protocol_heatmaps(maps, protocol, FRAME), protocol, thresholds).numpy()
    boxes = protocol_boxes(levels, len(thresholds), protocol)  # (N, T, 4)
    yield compare('boxes', boxes, fixture['boxes'])
    yield compare('iou', pairwise_iou(boxes, gt[:, None])[..., 0], fixture['iou'], 1e-12)


def _compare_printed(prefix: str, row: dict[str, Any], line: str) -> Iterator[Comparison]:
    printed = {name: float(value) for name, value in re.findall(r'(\w+)\s*: ([\d.]+)', line)}
    for name, ours in PRINTED_NAMES.items():
        yield compare(f'{prefix}{name}', row[ours], printed[name], PRINTED)


def _raw_boxes(fixture: Fixture) -> NDArray[np.float64]:
    """x0, y0, x1, y1, H, W of the pictures in the order of ``paths``, (N, 6)."""
    of_path = dict(zip(fixture['raw_list'].tolist(), fixture['raw_boxes_x0y0x1y1hw']))
    return np.stack([of_path[path] for path in fixture['paths'].tolist()])


def _samples(fixture: Fixture, maps: Tensor, scores: Tensor) -> list[dict[str, Any]]:
    """Data samples as a localizer with a class-agnostic map would emit them."""
    return [
        dict(
            sample_idx=i,
            gt_label=torch.tensor([fixture['labels'][i]]),
            pred_scores=scores[i],
            pred_maps=maps[i, None],  # (1, h, w)
            map_labels=torch.tensor([-1]),
            ori_bboxes=raw[None, :4],
            ori_shape=tuple(raw[4:]),
            resize_shape=RESIZED,
            crop_offset=MARGIN,
            img_shape=FRAME,
        )
        for i, raw in enumerate(_raw_boxes(fixture))
    ]
