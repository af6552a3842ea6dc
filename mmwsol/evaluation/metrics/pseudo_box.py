from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmwsol.models.localizers import localized_view
from mmwsol.registry import METRICS, MODELS
from mmwsol.structures import LocDataSample

from ..functional.boxes import boxes_to_original
from ..localization import protocol_boxes, protocol_heatmaps, protocol_levels
from ..localization_report import AGREEMENT
from ..protocols import Protocol, get_protocol, get_protocols
from .localization import LocalizationMetric
from .sample_fields import image_name

KEPT = {'name', 'protocol', 'threshold', 'threshold_source', 'threshold_from', 'checkpoint', 'size'}


@METRICS.register_module()
class PseudoBoxMetric(LocalizationMetric):
    """Agreement of a localizer's boxes with class-agnostic pseudo boxes: a criterion that sees no true box.

    A frozen, untrained localizer (TokenCut on the features of a vision transformer) boxes the very network
    inputs of the validation, once: the boxes are kept for later epochs. ``agreement@50`` is the share of images
    whose box overlaps the pseudo box by IoU 0.5, ``agreement`` the mean over the IoU levels. The largest names
    threshold (``threshold_source='pseudo'``) and epoch
    (``CheckpointHook(save_best='pseudo/strict/agreement')``). Selection with pseudo boxes: Murtaza et al., "A
    Realistic Protocol for Evaluation of Weakly Supervised Object Localization", WACV 2025.

    The baselines ``whole image`` and ``centre box`` are measured against the pseudo boxes too: where one of
    them agrees as well as the localizer, the pseudo boxes tell little. True boxes of a sample are not looked at.

    Args:
        localizer: config of a localizer whose first map is class-agnostic; its ``init_cfg`` names the weights.
        protocols: as of ``LocalizationMetric``; all but fixed thresholds are chosen by agreement.
        map_threshold: foreground of the pseudo boxes' map, relative to its range; TokenCut's partition is 0.

    Raises:
        FileNotFoundError: the localizer's pretrained weights are not there; when built, not an epoch later.
    """

    def __init__(
        self,
        localizer: dict,
        protocols: str | Mapping | Protocol | Sequence[str | Mapping | Protocol] = ('strict',),
        map_threshold: float = 0.0,
        prefix: str | None = 'pseudo',
        **kwargs: Any,
    ) -> None:
        by_agreement = [
            p if p.threshold_source == 'fixed' else replace(p, threshold_source='pseudo')
            for p in get_protocols(protocols)
        ]
        super().__init__(by_agreement, prefix=prefix, **kwargs | dict(per_image=False))
        self.map_threshold = map_threshold
        self.localizer = MODELS.build(localizer)
        self.localizer.init_weights()
        self.localizer.eval().requires_grad_(False)
        self._boxes: dict[str, NDArray[np.float64]] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Put pseudo boxes (1, 4) in place of the true ones and box the batch under every protocol."""
        names = [image_name(sample) for sample in data_samples]
        new = [i for i, name in enumerate(names) if name not in self._boxes]
        if new:
            inputs = [data_batch['inputs'][i] for i in new]
            for i, boxes in zip(new, self._pseudo_boxes(inputs, [data_samples[i] for i in new])):
                self._boxes[names[i]] = boxes
        stripped = [{key: s[key] for key in s if key != 'gt_bboxes'} for s in data_samples]
        super().process(
            data_batch, [s | dict(ori_bboxes=self._boxes[name]) for s, name in zip(stripped, names)]
        )

    def _state_choices(self, summary: dict[str, Any]) -> None:
        """Keep of the table what is agreement, under that name."""
        super()._state_choices(summary)
        for rows, name in ((summary['rows'], 'IoU'), (summary['baselines'], 'MaxBoxAccV2')):
            for row in rows:
                agreement = {
                    key.replace(name, AGREEMENT, 1): row[key] for key in row if key.split('@')[0] == name
                }
                kept = {key: row[key] for key in row if key not in agreement and key in KEPT}
                row.clear()
                row.update(kept, **agreement)
        summary['classification'] = None
        summary['notes'] = ['agreement: with class-agnostic pseudo boxes, no true box is read.']

    @torch.no_grad()
    def _pseudo_boxes(self, inputs: Sequence[Tensor], samples: Sequence[dict]) -> list[NDArray[np.float64]]:
        """Boxes (1, 4) in original pixels of network inputs uint8 (3, H, W) or (V, 3, H, W)."""
        self.localizer.to(samples[0]['pred_maps'].device)
        views = [localized_view(image) for image in inputs]
        outputs = self.localizer.test_step(dict(inputs=views, data_samples=[LocDataSample() for _ in views]))
        maps = torch.stack([output.pred_maps[0] for output in outputs])  # (n, h, w)
        return [
            boxes_to_original(
                box,
                tuple(sample['ori_shape'][:2]),
                tuple(sample.get('resize_shape') or sample['img_shape'][:2]),
                tuple(sample.get('crop_offset') or (0, 0)),
                tuple(sample['img_shape'][:2]),
                bool(sample.get('flip', False)),
            )
            for box, sample in zip(map_boxes(maps, samples[0]['img_shape'][:2], self.map_threshold), samples)
        ]


def map_boxes(maps: Tensor, img_shape: tuple[int, int], threshold: float = 0.0) -> NDArray[np.float64]:
    """Boxes (N, 1, 4) of the largest component above ``threshold`` of maps (N, h, w), in input pixels.

    The component is taken on the maps' own grid, whose cells it covers wholly, as TokenCut does.
    """
    grid = (maps.shape[1], maps.shape[2])
    rules = get_protocol('strict', threshold=threshold)
    levels = protocol_levels(protocol_heatmaps(maps, rules, grid), rules, rules.thresholds)
    boxes = protocol_boxes(levels.cpu().numpy(), 1, rules)  # (N, 1, 4)
    return boxes * np.array([img_shape[1] / grid[1], img_shape[0] / grid[0]] * 2)
