from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.logging import print_log

from mmwsol.registry import METRICS

from ..localization import DISPLAY_THRESHOLD
from ..localization_counters import Record
from ..pixel_counters import PixelPlan, count_pixels, stack_masks
from ..pixel_report import format_pixel_table, pixel_metrics, pixel_summary
from ..protocols import Protocol
from .counting_metric import CountingMetric, state_choice
from .sample_fields import groups_of_one_size, image_name, sample_indices, true_label


@METRICS.register_module()
class PixelMetric(CountingMetric):
    """How well heat maps rank the pixels of an object: PxAP, pIoU and mask IoU, with two trivial baselines.

    One row a protocol, which gives the heat map (which class's map, normalisation, resize) and the foreground
    at one threshold; boxes play no part. PxAP (Choe et al., CVPR 2020) and pIoU (DA-WSOL, CVPR 2022) pool the
    pixels of all images; the threshold of pIoU is the best on the evaluated masks, an oracle. ``mask IoU`` is
    the mean over images, ``pooled IoU`` the same quantity as pIoU, both at a threshold that saw no mask: the
    protocol's own, which for ``strict`` is the one that ``take_selection`` gave, or ``mask_threshold``. The
    baselines are a constant map (``whole image``) and a Gaussian on the middle (``centre Gaussian``).

    Every image needs a ``gt_mask`` in the frame of the network input: 0 background, 1 object, 255 ignored; one
    without an object is all 0. Integer counters add over ranks and every ``sample_idx`` counts once, so a
    distributed test gives the very numbers of a single process. After ``evaluate``, ``table_text`` and the
    JSON-able ``summary`` hold the result.

    Args:
        protocols: names of presets, or dicts with a ``name`` and overrides.
        mask_threshold: for mask IoU under a protocol that has not one threshold of its own.
        interval: width of the score bins.
    """

    default_prefix = 'wsol'
    results: list[Record]

    def __init__(
        self,
        protocols: str | Mapping | Protocol | Sequence[str | Mapping | Protocol] = ('choe_v2',),
        mask_threshold: float = DISPLAY_THRESHOLD,
        interval: float = 0.001,
        prefix: str | None = 'wsol',
        collect_device: str = 'cpu',
    ) -> None:
        plan = partial(PixelPlan, mask_threshold=mask_threshold, interval=interval)
        super().__init__(protocols, plan, prefix, collect_device)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch by score and truth, and keep a few kilobytes an image."""
        without = [image_name(sample) for sample in data_samples if sample.get('gt_mask') is None]
        if without:
            raise ValueError(
                f'{without[0]} has no gt_mask, which PixelMetric needs of every image; use a test split with '
                'masks (mask_path, mask_paths or mask_votes, test_mode=True), or take PixelMetric out of the evaluators'
            )
        for members in groups_of_one_size(data_samples):
            self.results.append(self._record([data_samples[i] for i in members]))

    def compute_metrics(self, results: list[Record]) -> dict[str, float]:
        """Percents by ``<row>/<metric>`` of this process's records and those of the other ranks."""
        counters = count_pixels(results, self.plan)
        if counters['images'] == 0:
            print_log('PixelMetric got no images; nothing is evaluated', logger='current')
            return {}
        self.summary = pixel_summary(self.plan, counters)
        self.state_checkpoint(self.summary['rows'])
        for row, choice in zip(self.summary['rows'], self._taken):
            if choice is not None:
                state_choice(row, choice, 'mask threshold source')
        self.table_text = format_pixel_table(self.summary)
        print_log('\n' + self.table_text, logger='current')
        return pixel_metrics(self.summary)

    def _record(self, samples: Sequence[dict]) -> Record:
        """Counts of images whose maps and network inputs have one size."""
        maps = torch.stack([sample['pred_maps'] for sample in samples])  # (n, C, h, w)
        height, width = samples[0]['img_shape'][:2]
        names = [image_name(sample) for sample in samples]
        masks = [sample['gt_mask'] for sample in samples]
        counts = self.plan.count(
            maps,
            torch.stack([sample['map_labels'] for sample in samples]),  # (n, C)
            torch.cat([true_label(sample) for sample in samples]),
            stack_masks(masks, names, (height, width), maps.device),
            len(samples[0]['pred_scores']) if 'pred_scores' in samples[0] else None,
        )
        return dict(sample_idx=sample_indices(samples), **counts)
