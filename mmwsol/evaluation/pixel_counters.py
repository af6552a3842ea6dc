"""Additive integer counters of a test against masks, from per-image records.

A *record* holds images of one size: ``sample_idx`` (n,), histograms (n, 2, B) of scores for every heat map
(``scores/<heat map>``) and the centre Gaussian, and confusion counts (n, 3) of every row's foreground
(``mask/<row>``) and of the Gaussian's: about 8 KB an image and heat map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object
from numpy.typing import NDArray
from torch import Tensor

from .functional.heatmaps import centre_gaussian
from .functional.pixel import confusion_iou, mask_confusion, pixel_histograms, score_edges
from .localization import protocol_heatmaps, protocol_levels, select_maps
from .localization_counters import CENTRE_GAUSSIAN as CENTRE
from .localization_counters import Counters, Record, count_once, sum_over_ranks
from .localization_plan import unique_names
from .protocols import Protocol

DEFAULT = 'default'  # the source of a threshold that is ``mask_threshold``


class PixelPlan:
    """Which heat maps a list of protocols needs, each counted once, and at which threshold each is cut.

    Of a protocol only the way to the heat map and to the foreground matter. One that maps each of its best
    classes is scored on the true class's map.
    """

    def __init__(self, protocols: Sequence[Protocol], mask_threshold: float, interval: float) -> None:
        if not protocols:
            raise ValueError('PixelMetric needs at least one protocol')
        if not 0 <= mask_threshold < 1:
            raise ValueError(f'mask_threshold must lie in [0, 1), got {mask_threshold}')
        self.protocols = [
            replace(protocol, map_source='gt') if protocol.map_source == 'topk_each' else protocol
            for protocol in protocols
        ]
        self.row_names = unique_names(protocol.name for protocol in protocols)
        self.mask_threshold = mask_threshold
        self.interval = interval
        self.num_bins = len(score_edges(interval)) - 1
        keys = [protocol.map_key for protocol in self.protocols]
        self.heatmap_of = [keys.index(key) for key in keys]  # the first row with the same heat map

    def threshold(self, row: int) -> float:
        """Where a row's foreground is cut: its protocol's one threshold, or ``mask_threshold``."""
        thresholds = self.protocols[row].thresholds
        return thresholds[0] if len(thresholds) == 1 else self.mask_threshold

    def threshold_source(self, row: int) -> str:
        """Where that comes from: the protocol's source, or ``default``."""
        protocol = self.protocols[row]
        return protocol.threshold_source if len(protocol.thresholds) == 1 else DEFAULT

    def counter_shapes(self) -> dict[str, tuple[int, ...]]:
        """What a record holds of each image, by name."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name in (CENTRE, *dict.fromkeys(self.heatmap_of)):
            shapes[f'scores/{name}'] = (2, self.num_bins)
        for name in (CENTRE, *range(len(self.protocols))):
            shapes[f'mask/{name}'] = (3,)
        return shapes

    def count(
        self,
        pred_maps: Tensor,
        map_labels: Tensor,
        gt_labels: Tensor,
        masks: Tensor,
        num_classes: int | None,
    ) -> Record:
        """Counts of maps (N, C, h, w) against masks (N, H, W), all but ``sample_idx``."""
        size = (masks.shape[1], masks.shape[2])
        small = np.uint16 if masks[0].numel() <= np.iinfo(np.uint16).max else np.uint32
        centre = centre_gaussian(size).to(masks.device)[None]  # (1, H, W)
        record: Record = {
            f'scores/{CENTRE}': pixel_histograms(centre, masks, self.interval).astype(small),
            f'mask/{CENTRE}': mask_confusion((centre > self.mask_threshold).expand(masks.shape), masks),
        }
        heatmaps: dict[int, Tensor] = {}
        for row, protocol in enumerate(self.protocols):
            shared = self.heatmap_of[row]
            if shared == row:
                maps = select_maps(pred_maps, map_labels, gt_labels, protocol, num_classes)  # (N, h, w)
                heatmaps[row] = protocol_heatmaps(maps, protocol, size)  # (N, H, W)
                counts = pixel_histograms(heatmaps[row], masks, self.interval)
                record[f'scores/{row}'] = counts.astype(small)
            foreground = protocol_levels(heatmaps[shared], protocol, [self.threshold(row)]) > 0
            record[f'mask/{row}'] = mask_confusion(foreground, masks)
        return record


def count_pixels(records: Sequence[Record], plan: PixelPlan) -> Counters:
    """Counters of all ranks, each image once.

    ``images``, ``objects`` (images with an object pixel); by name ``scores/..`` (2, B), ``mask/..`` (3,) and
    ``mean/..``: mean over the images with an object of IoU in percent, nan without any. ``mean/whole`` is that of
    the whole image as foreground. The same whatever the ranks and the order.
    """
    indices = np.concatenate([np.empty(0, np.int64), *(record['sample_idx'] for record in records)])
    keep = count_once(indices, all_gather_object(indices))
    shapes = plan.counter_shapes()
    totals: dict[str, Any] = {name: np.zeros(shape, np.int64) for name, shape in shapes.items()}
    ious: dict[str, list[NDArray]] = {
        name: [] for name in ('mask/whole', *shapes) if name.startswith('mask/')
    }
    totals |= dict(images=int(keep.sum()), objects=0)
    ends = np.cumsum([len(record['sample_idx']) for record in records])
    for record, images in zip(records, np.split(keep, ends[:-1]) if records else []):
        for name in shapes:
            totals[name] += record[name][images].sum(axis=0, dtype=np.int64)
        areas = record[f'scores/{CENTRE}'][images].sum(axis=2, dtype=np.int64)  # (n, 2) background, object
        totals['objects'] += int((areas[:, 1] > 0).sum())
        whole = np.stack([areas[:, 1], areas[:, 0], np.zeros(len(areas), np.int64)], axis=1)
        for name, values in ious.items():
            values.append(confusion_iou(whole if name == 'mask/whole' else record[name][images]))
    return sum_over_ranks(totals) | _mean_ious(ious)


def _mean_ious(ious: dict[str, list[NDArray]]) -> dict[str, float]:
    """Means over the images of all ranks, summed without rounding so that their order cannot matter."""
    own = {name: [v for part in values for v in part.tolist() if v == v] for name, values in ious.items()}
    ranks = all_gather_object(own)
    means = {}
    for name in ious:
        values = [value for rank in ranks for value in rank[name]]
        means[name.replace('mask/', 'mean/')] = math.fsum(values) / len(values) if values else math.nan
    return means


def stack_masks(masks: Sequence[Any], names: Sequence[str], size: tuple[int, int], device: Any) -> Tensor:
    """Masks as one (N, H, W); ``ValueError`` names an image whose mask is not of ``size``."""
    stacked = []
    for mask, name in zip(masks, names):
        if tuple(mask.shape) != tuple(size):
            raise ValueError(
                f'{name}: gt_mask has the shape {tuple(mask.shape)}, the network input {tuple(size)} (H, W); '
                'move the mask through the same Resize and crop as the image'
            )
        stacked.append(torch.as_tensor(mask))
    return torch.stack(stacked).to(device)
