from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .functional.boxes import BoxRounding
from .functional.heatmaps import minmax_normalize, to_uint8_range
from .functional.localization_accuracy import NUM_UINT8_LEVELS, iou_hits, threshold_grid
from .localization import protocol_heatmaps, protocol_ious, protocol_levels, select_maps
from .protocols import MAP_SWITCHES, Protocol, get_protocol

# the definitions of MaxBoxAcc and MaxBoxAccV2, which every row reports on its own heat map
STANDARD = {'v1': get_protocol('choe_v1'), 'v2': get_protocol('choe_v2')}


class LocalizationPlan:
    """Which sweeps a list of protocols needs, each done once, and the hits they give.

    Protocols that make the same heat map share its two standard sweeps (``v1/<heat map>``, ``v2/<heat
    map>``); a protocol whose own rules are not one of these has a sweep of its own (``own/<row>``).

    Attributes:
        levels: the IoU levels that are counted, in percent: those asked for, and 50.
        hit_shapes: (L, T) of the hits of every sweep, by its name.
    """

    def __init__(
        self, protocols: Sequence[Protocol], iou_thresholds: Sequence[float], interval: float
    ) -> None:
        if not protocols or not iou_thresholds:
            raise ValueError('localization needs at least one protocol and one IoU threshold')
        if not all(0 < level <= 100 for level in iou_thresholds):
            raise ValueError(f'iou_thresholds are percents in (0, 100], got {tuple(iou_thresholds)}')
        self.protocols = list(protocols)
        self.row_names = _unique_names(protocol.name for protocol in protocols)
        self.iou_thresholds = tuple(iou_thresholds)
        self.levels = tuple(sorted({*iou_thresholds, 50}))
        self.interval = interval
        self._grid = threshold_grid(interval)

        by_key: dict[tuple, list[int]] = {}
        for row, protocol in enumerate(self.protocols):
            by_key.setdefault(protocol.map_key, []).append(row)
        self._heatmap_rows = list(by_key.values())
        self.hit_shapes = {}
        for heatmap, rows in enumerate(self._heatmap_rows):
            for part in STANDARD:
                self.hit_shapes[f'{part}/{heatmap}'] = (len(self.levels), NUM_UINT8_LEVELS)
            for row in rows:
                if not self.is_standard(row):
                    self.hit_shapes[f'own/{row}'] = (len(self.levels), len(self.thresholds(row)))

    def is_standard(self, row: int) -> bool:
        """Whether a row's own rules, from the heat map on, are those of MaxBoxAcc or MaxBoxAccV2."""
        return self.sweep(row) != f'own/{row}'

    def sweep(self, row: int) -> str:
        """Name of the sweep that holds a row's own hits."""
        rules = _box_rules(self.protocols[row])
        part = next((part for part, standard in STANDARD.items() if rules == _box_rules(standard)), None)
        return f'{part}/{self.heatmap_of(row)}' if part else f'own/{row}'

    def heatmap_of(self, row: int) -> int:
        return next(i for i, rows in enumerate(self._heatmap_rows) if row in rows)

    def thresholds(self, row: int) -> NDArray[np.float64]:
        """Candidate thresholds of a row, (T,)."""
        return np.array(self.protocols[row].thresholds) if self.protocols[row].thresholds else self._grid

    def class_averaged(self) -> list[int]:
        return [row for row, protocol in enumerate(self.protocols) if protocol.average == 'class']

    def roundings(self) -> set[BoxRounding]:
        """The ways in which true boxes are needed."""
        return {protocol.gt_rounding for protocol in (*STANDARD.values(), *self.protocols)}

    def hits(
        self,
        pred_maps: Tensor,
        map_labels: Tensor,
        gt_labels: Tensor,
        img_shape: tuple[int, int],
        gt_bboxes: Mapping[str, Sequence[NDArray]],
        num_classes: int | None,
        num_threads: int = 1,
    ) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Hits (N, L, T) of every sweep for maps (N, C, h, w); one transfer to the host.

        ``gt_bboxes`` holds the true boxes in the input frame, a list of N arrays (M, 4) for every rounding.
        """
        images: dict[str, Tensor] = {}
        for heatmap, rows in enumerate(self._heatmap_rows):
            protocol = self.protocols[rows[0]]
            maps = select_maps(pred_maps, map_labels, gt_labels, protocol, num_classes)  # (N, h, w)
            heatmaps = protocol_heatmaps(maps, protocol, img_shape)  # (N, H, W)
            images[f'standard/{heatmap}'] = _standard_levels(heatmaps, protocol)
            for row in rows:
                if not self.is_standard(row):
                    images[f'own/{row}'] = protocol_levels(
                        heatmaps, self.protocols[row], self.thresholds(row)
                    )
        on_host = torch.stack(list(images.values())).cpu().numpy()
        for name, levels in zip(images, on_host):
            kind, index = name.split('/')
            rules = STANDARD if kind == 'standard' else {'own': self.protocols[int(index)]}
            for part, protocol in rules.items():
                key = f'{part}/{index}'
                boxes = gt_bboxes[protocol.gt_rounding]
                ious = protocol_ious(levels, self.hit_shapes[key][1], boxes, protocol, num_threads)
                yield key, iou_hits(ious, self.levels, protocol.hit)


def _box_rules(protocol: Protocol) -> dict[str, object]:
    """The switches from the heat map to an accuracy."""
    return {key: value for key, value in protocol.to_dict().items() if key not in {'name', *MAP_SWITCHES}}


def _unique_names(names: Iterable[str]) -> list[str]:
    """Names of rows; a repeated one gets a number."""
    unique: list[str] = []
    for name in names:
        count = sum(other.split('#')[0] == name for other in unique)
        unique.append(f'{name}#{count + 1}' if count else name)
    return unique


def _standard_levels(heatmaps: Tensor, protocol: Protocol) -> Tensor:
    """uint8 levels (N, H, W), as int16, of heat maps as wsolevaluation reads them: over the full range."""
    heatmaps = heatmaps.double()
    if (protocol.normalize, protocol.minmax_eps, protocol.constant_map) != ('after_resize', 0.0, 'zeros'):
        heatmaps = minmax_normalize(heatmaps)
    return to_uint8_range(heatmaps).to(torch.int16)
