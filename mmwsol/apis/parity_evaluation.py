"""The evaluator against golden counts: BAS's post-processing, wsolevaluation's box metrics, DA-WSOL's Top-1."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmwsol.evaluation import get_protocol
from mmwsol.evaluation.functional.boxes import BoxRounding, boxes_to_input, pairwise_iou
from mmwsol.evaluation.functional.components import largest_components
from mmwsol.evaluation.functional.heatmaps import to_uint8_range
from mmwsol.evaluation.functional.localization_accuracy import iou_hits
from mmwsol.evaluation.localization import protocol_boxes, protocol_heatmaps, protocol_ious, protocol_levels

from .parity import Comparison, Fixture, compare
from .parity_masks import check_pooled_pixels

LEVELS = (30, 50, 70)


def check_post_processing(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """Boxes, areas and upsampled maps of both BAS releases, their true boxes, IoU, PxAP and pIoU."""
    maps = torch.from_numpy(fixture['maps'])
    size = tuple(fixture['up_ext'].shape[1:])
    thresholds = fixture['thresholds'].tolist()
    for release, name in (('cvpr', 'bas'), ('ext', 'bas_ext')):
        protocol = get_protocol(name, threshold=thresholds, threshold_source='oracle joint')
        heatmaps = protocol_heatmaps(maps, protocol, size)
        up = heatmaps[torch.from_numpy(fixture['up_index'])].nan_to_num()
        yield compare(f'up_{release}', up, np.nan_to_num(fixture[f'up_{release}']), 5e-7)
        levels = protocol_levels(heatmaps, protocol, thresholds).numpy()
        yield compare(
            f'boxes_{release}', protocol_boxes(levels, len(thresholds), protocol), fixture[f'boxes_{release}']
        )
        _, areas = largest_components(levels, len(thresholds))
        yield compare(f'mask_area_{release}', areas, fixture[f'mask_area_{release}'])
        yield from _check_transport(fixture, release, protocol.gt_rounding, size)
    iou = np.array(
        [pairwise_iou(p[None], g[None])[0, 0] for p, g in zip(fixture['iou_pred'], fixture['iou_gt'])]
    )
    yield compare('iou', iou, fixture['iou'], 1e-12)
    yield from check_pooled_pixels(fixture)


def _check_transport(
    fixture: Fixture, release: str, rounding: BoxRounding, size: tuple[int, int]
) -> Iterator[Comparison]:
    """True boxes in the 224 centre crop of the image resized to 256."""
    margin = ((256 - size[0]) // 2, (256 - size[1]) // 2)
    tolerance = 1e-9 if release == 'cvpr' else 0.0

    def transport(row: NDArray, dtype: type) -> NDArray:
        shape = (row[4], row[5])
        return boxes_to_input(row[None, :4], shape, (256, 256), margin, size, rounding=rounding, dtype=dtype)[
            0
        ]

    cub = np.stack([transport(row, np.float64) for row in fixture['cub_raw_x0y0x1y1hw']])
    yield compare(f'cub_gt_{release}', cub, fixture[f'cub_gt_{release}'], tolerance)
    if (
        release == 'cvpr'
    ):  # which computes in float32 here; the fixture went through fractions of the input size
        single = np.stack([transport(row, np.float32) for row in fixture['ilsvrc_raw_x0y0x1y1hw']])
        boxes = (single / np.float32(size[0])).astype(np.float64) * size[0]
    else:
        boxes = np.stack([transport(row, np.float64) for row in fixture['ilsvrc_raw_x0y0x1y1hw']])
    yield compare(f'ilsvrc_{release}', boxes, fixture[f'ilsvrc_{release}_flat'], tolerance)


def golden_maps(fixture: Fixture) -> Tensor:
    """The stored low-resolution maps as score maps (N, 224, 224) float64, wsolevaluation's way."""
    shape = fixture['full_first1'].shape
    maps = torch.zeros(len(fixture['image_sizes_wh']), *shape, dtype=torch.float64)
    for key in (key for key in fixture if key.startswith('lowres_') and not key.endswith('_idx')):
        lowres = torch.from_numpy(fixture[key])
        maps[torch.from_numpy(fixture[f'{key}_idx'])] = protocol_heatmaps(
            lowres, get_protocol('choe_v2'), tuple(shape)
        )
    return maps


def true_boxes(fixture: Fixture, size: tuple[int, int]) -> list[NDArray]:
    """Annotations in the 224 frame, one array (M, 4) an image."""
    offsets = fixture['gt_offsets']
    boxes = []
    for i, (width, height) in enumerate(fixture['image_sizes_wh'].tolist()):
        rows = fixture['gt_boxes_orig'][offsets[i] : offsets[i + 1]]
        boxes.append(boxes_to_input(rows, (height, width), size, rounding='trunc'))
    return boxes


def count_correct(
    maps: Tensor, boxes: list[NDArray], name: str, thresholds: NDArray, images: NDArray | None = None
) -> NDArray:
    """Number of correct images at each IoU level and threshold, (3, T)."""
    protocol = get_protocol(name, thresholds=tuple(thresholds.tolist()))
    levels = protocol_levels(maps, protocol, thresholds).numpy()
    hits = iou_hits(protocol_ious(levels, len(thresholds), boxes, protocol), LEVELS)  # (N, 3, T)
    return hits.sum(0) if images is None else hits[images].sum(0)


def check_box_evaluator(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """Correct counts of every threshold, for the largest contour and for all, at both intervals."""
    maps = golden_maps(fixture)
    size = (maps.shape[1], maps.shape[2])
    checksums = [zlib.crc32(to_uint8_range(m[None])[0].to(torch.uint8).numpy().tobytes()) for m in maps]
    yield compare('maps as uint8, crc32', checksums, fixture['maps_u8_crc32'])
    yield compare('full_first1', maps[1], fixture['full_first1'], 1e-12)
    boxes = true_boxes(fixture, size)
    yield compare('gt_boxes_224', np.concatenate(boxes), fixture['gt_boxes_224'])
    first = torch.from_numpy((fixture['maps_u8_first'] + 0.5) / 255).clamp(max=1.0)
    for prefix, chosen in (('', maps), ('first_', first)):
        for version in ('v1', 'v2'):
            for interval in ('01', '001'):
                thresholds = fixture[f'thresholds_{interval}']
                counts = count_correct(chosen, boxes[: len(chosen)], f'choe_{version}', thresholds)
                key = f'{prefix}{version}_i{interval}'
                golden = np.stack([fixture[f'{key}_correct_iou{level}'] for level in LEVELS])
                yield compare(f'{key}_correct', counts, golden)
                yield compare(f'{key}_max', 100 * counts.max(1) / len(chosen), fixture[f'{key}_max'], 1e-12)


def check_top1_evaluator(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """GT-known and Top-1 Loc of DA-WSOL; the maps are those of ``evaluator_box.npz`` in the same folder."""
    with np.load(path.with_name('evaluator_box.npz'), allow_pickle=False) as maps_fixture:
        maps, thresholds = golden_maps(maps_fixture), maps_fixture['thresholds_01']
        boxes = true_boxes(maps_fixture, (maps.shape[1], maps.shape[2]))
    right = fixture['gt_label'] == fixture['pred_label']
    known = count_correct(maps, boxes, 'choe_v2', thresholds)
    top1 = count_correct(maps, boxes, 'choe_v2', thresholds, right)
    golden = np.stack([fixture[f'top1_correct_iou{level}'] for level in LEVELS])
    yield compare('top1_correct', top1, golden)
    yield compare('gt_known', 100 * known.max(1) / len(maps), fixture['gt_known'], 1e-12)
    yield compare('top1', 100 * top1.max(1) / len(maps), fixture['top1'], 1e-12)
