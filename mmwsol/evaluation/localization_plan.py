from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .functional.boxes import BoxRounding
from .functional.heatmaps import minmax_normalize, to_uint8_range
from .functional.localization_accuracy import NUM_UINT8_LEVELS, iou_hits, threshold_grid
from .localization import (
    protocol_heatmaps,
    protocol_ious,
    protocol_levels,
    select_each_map,
    select_maps,
)
from .protocols import MAP_SWITCHES, Protocol, get_protocol

# the definitions of MaxBoxAcc and MaxBoxAccV2, which every row reports on its own heat map
STANDARD = {'v1': get_protocol('choe_v1'), 'v2': get_protocol('choe_v2')}


class LocalizationPlan:
    """Which sweeps a list of protocols needs, each done once, and the hits they give.

    Protocols that make the same heat map share its two standard sweeps (``v1/<heat map>``, ``v2/<heat
    map>``), for which it is stretched to the whole range; a protocol whose own rules are not one of these, or
    whose heat map needs that stretching, has a sweep of its own (``own/<row>``). If its
    Top-k Loc goes by another hit or another map than its GT-known, these are the hits of a second one
    (``topk/<row>``). A protocol that boxes each of its best classes also has ``any/<row>``: one of these
    boxes is a hit, whichever class it is of; its standard sweeps are those of the true class's map. Heat maps
    of rows with a transferred threshold only have no standard sweeps, whose numbers are oracles.

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
        self.row_names = unique_names(protocol.name for protocol in protocols)
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
            if any(self.reports_oracles(row) for row in rows):
                for part in STANDARD:
                    self.hit_shapes[f'{part}/{heatmap}'] = (len(self.levels), NUM_UINT8_LEVELS)
            for row in rows:
                if not self.is_standard(row):
                    shape = (len(self.levels), len(self.thresholds(row)))
                    self.hit_shapes |= dict.fromkeys(self.sweeps(row), shape)

    def is_standard(self, row: int) -> bool:
        """Whether a row's own rules are those of MaxBoxAcc or MaxBoxAccV2 on a heat map of its own choice."""
        return self.sweep(row) != f'own/{row}'

    def sweep(self, row: int) -> str:
        """Name of the sweep that holds a row's own hits."""
        protocol = self.protocols[row]
        rules = _box_rules(protocol)
        part = next((part for part, standard in STANDARD.items() if rules == _box_rules(standard)), None)
        if part is None or self.boxes_each_class(row) or not _spans_range(protocol):
            return f'own/{row}'
        return f'{part}/{self.heatmap_of(row)}'

    def topk_sweep(self, row: int) -> str:
        """Name of the sweep that holds a row's hits for Top-1 and Top-5 Loc."""
        same = self.protocols[row].topk_hit == self.protocols[row].hit
        return self.sweep(row) if same and not self.boxes_each_class(row) else f'topk/{row}'

    def sweeps(self, row: int) -> list[str]:
        """Names of all sweeps that hold a row's hits."""
        names = [self.sweep(row), self.topk_sweep(row)]
        return list(dict.fromkeys([*names, f'any/{row}'] if self.boxes_each_class(row) else names))

    def slots(self, row: int) -> list[tuple[str, int]]:
        """Sweep, and index into ``RANK_LIMITS``, of GT-known, Top-1, Top-5 and, where each class is boxed, any box."""
        slots = [(self.sweep(row), 0), (self.topk_sweep(row), 1), (self.topk_sweep(row), 2)]
        return [*slots, (f'any/{row}', 0)] if self.boxes_each_class(row) else slots

    def boxes_each_class(self, row: int) -> bool:
        """Whether a row boxes the map of each of its best classes, and has a sweep ``any/<row>``."""
        return self.protocols[row].map_source == 'topk_each'

    @property
    def heatmap_rows(self) -> list[list[int]]:
        """The rows that share each heat map."""
        return self._heatmap_rows

    def reports_oracles(self, row: int) -> bool:
        """Whether a row has MaxBoxAcc and MaxBoxAccV2, whose thresholds are chosen on the evaluated images."""
        return not self.protocols[row].transfers_threshold

    def heatmap_of(self, row: int) -> int:
        return next(i for i, rows in enumerate(self._heatmap_rows) if row in rows)

    def thresholds(self, row: int) -> NDArray[np.float64]:
        """Candidate thresholds of a row, (T,)."""
        return np.array(self.protocols[row].thresholds) if self.protocols[row].thresholds else self._grid

    def class_averaged(self) -> list[int]:
        return [row for row, protocol in enumerate(self.protocols) if protocol.average == 'class']

    def boxed_maps(
        self, pred_maps: Tensor, map_labels: Tensor, gt_labels: Tensor, num_classes: int | None
    ) -> list[Tensor]:
        """The map that the rows of each heat map box (N, h, w); where each class is boxed, the best class's."""
        protocols = [self.protocols[rows[0]] for rows in self._heatmap_rows]
        return [select_maps(pred_maps, map_labels, gt_labels, p, num_classes) for p in protocols]

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
        images, is_true = self._level_images(pred_maps, map_labels, gt_labels, img_shape, num_classes)
        stacked = torch.stack([image for slots in images.values() for image in slots]).cpu().numpy()
        ends = np.cumsum([len(slots) for slots in images.values()])
        on_host = dict(zip(images, np.split(stacked, ends[:-1])))  # (k, N, H, W) each
        for heatmap in range(len(self._heatmap_rows)):
            for part, protocol in STANDARD.items():
                if f'{part}/{heatmap}' not in self.hit_shapes:
                    continue
                boxes, levels = gt_bboxes[protocol.gt_rounding], on_host[f'standard/{heatmap}'][0]
                ious = protocol_ious(levels, NUM_UINT8_LEVELS, boxes, protocol, num_threads)
                yield f'{part}/{heatmap}', iou_hits(ious, self.levels, protocol.hit)
        for row, protocol in enumerate(self.protocols):
            if not self.is_standard(row):
                boxes, count = gt_bboxes[protocol.gt_rounding], len(self.thresholds(row))
                slots = [
                    protocol_ious(levels, count, boxes, protocol, num_threads)
                    for levels in on_host[f'own/{row}']
                ]
                yield from self._own_hits(row, np.stack(slots, axis=1), is_true.get(row))

    def _level_images(
        self,
        pred_maps: Tensor,
        map_labels: Tensor,
        gt_labels: Tensor,
        img_shape: tuple[int, int],
        num_classes: int | None,
    ) -> tuple[dict[str, list[Tensor]], dict[int, NDArray[np.bool_]]]:
        """Level images (N, H, W) of every heat map and row; where k classes have a box, which is true (N, k)."""
        images: dict[str, list[Tensor]] = {}
        is_true: dict[int, NDArray[np.bool_]] = {}
        for heatmap, rows in enumerate(self._heatmap_rows):
            protocol = self.protocols[rows[0]]
            each = self.boxes_each_class(rows[0])
            of_one = replace(protocol, map_source='gt') if each else protocol
            maps = select_maps(pred_maps, map_labels, gt_labels, of_one, num_classes)  # (N, h, w)
            heatmaps = [protocol_heatmaps(maps, protocol, img_shape)]  # (N, H, W)
            if any(self.reports_oracles(row) for row in rows):
                images[f'standard/{heatmap}'] = [_standard_levels(heatmaps[0], protocol)]
            if each:
                maps, true = select_each_map(pred_maps, map_labels, gt_labels, protocol, num_classes)
                heatmaps = [protocol_heatmaps(slot, protocol, img_shape) for slot in maps.unbind(1)]
                is_true |= dict.fromkeys(rows, true)
            for row in rows:
                if not self.is_standard(row):
                    rules, thresholds = self.protocols[row], self.thresholds(row)
                    images[f'own/{row}'] = [protocol_levels(h, rules, thresholds) for h in heatmaps]
        return images, is_true

    def _own_hits(
        self, row: int, ious: NDArray[np.float64], is_true: NDArray[np.bool_] | None
    ) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Hits of a row's sweeps from the IoUs (N, k, T) of its k boxes an image, the best class's first."""
        protocol = self.protocols[row]
        yield self.sweep(row), iou_hits(ious[:, 0], self.levels, protocol.hit)
        if self.topk_sweep(row) != self.sweep(row):
            of_true = ious[:, 0] if is_true is None else np.where(is_true[..., None], ious, -1.0).max(axis=1)
            yield self.topk_sweep(row), iou_hits(of_true, self.levels, protocol.topk_hit)
        if self.boxes_each_class(row):
            yield f'any/{row}', iou_hits(ious.max(axis=1), self.levels, protocol.hit)


def _box_rules(protocol: Protocol) -> dict[str, object]:
    """The switches from the heat map to an accuracy."""
    return {key: value for key, value in protocol.to_dict().items() if key not in {'name', *MAP_SWITCHES}}


def _spans_range(protocol: Protocol) -> bool:
    """Whether a protocol's heat maps are from 0 to 1, as wsolevaluation reads them; others are stretched for it."""
    stretched = (protocol.normalize, protocol.minmax_eps, protocol.constant_map)
    return stretched == ('after_resize', 0.0, 'zeros')


def unique_names(names: Iterable[str]) -> list[str]:
    """Names of rows; a repeated one gets a number."""
    unique: list[str] = []
    for name in names:
        count = sum(other.split('#')[0] == name for other in unique)
        unique.append(f'{name}#{count + 1}' if count else name)
    return unique


def _standard_levels(heatmaps: Tensor, protocol: Protocol) -> Tensor:
    """uint8 levels (N, H, W), as int16, of heat maps as wsolevaluation reads them: over the full range."""
    heatmaps = heatmaps.double()
    if not _spans_range(protocol):
        heatmaps = minmax_normalize(heatmaps)
    return to_uint8_range(heatmaps).to(torch.int16)
