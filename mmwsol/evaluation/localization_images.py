"""From records to what a localization test found on each image, once all thresholds are chosen.

A protocol may choose its threshold after the last image, so the boxes of a row are made a second time, at that
one threshold. All it takes waits for it in an unnamed file. Kept in memory it would be many small objects between the
large buffers of the sweeps, which the allocator then cannot use again: 0.5 MB an image.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .functional.boxes import BoxRounding
from .functional.error_breakdown import error_breakdown
from .functional.localization_accuracy import RANK_LIMITS, max_box_accuracy, uint8_cuts, within_rank
from .image_results import TOP1, ImageResults, RowResults, explained_number
from .localization import nearest_boxes, protocol_heatmaps, protocol_levels
from .localization_counters import Counters, Record, unpack_hits
from .localization_plan import LocalizationPlan
from .localization_report import CLASSIFICATION, chosen_accuracies, number_names

MAX_MAP_SIDE = 56


@dataclass(frozen=True)
class Described:
    """A batch: what ``ImageResults.columns`` holds of each image, and its true boxes (M, 4) in original pixels."""

    images: list[dict[str, Any]]
    gt_bboxes: list[NDArray]


@dataclass(frozen=True)
class Located:
    """A batch: true boxes in the network input by rounding, and groups of positions with their maps.

    ``maps`` holds for each group the positions (n,) in the batch and the maps (n, h, w) of every heat map.
    """

    input_bboxes: dict[BoxRounding, list[NDArray]]
    maps: list[tuple[NDArray, list[NDArray]]]


class Spool:
    """Objects in a file that goes away with the spool."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115

    def write(self, value: Any) -> int:
        """Where it lies."""
        place = self._file.seek(0, 2)
        pickle.dump(value, self._file, pickle.HIGHEST_PROTOCOL)
        return place

    def read(self, place: int) -> Any:
        self._file.seek(place)
        return pickle.load(self._file)


@dataclass(frozen=True)
class Hits:
    """Where the hits of a number lie: sweep, IoU level, threshold level, and among how many best classes."""

    sweep: str
    iou: int
    level: int
    limit: int | None
    threshold: float


def build_image_results(
    records: Sequence[Record],
    keep: Sequence[NDArray[np.bool_]],
    counters: Counters,
    summary: Mapping[str, Any],
    plan: LocalizationPlan,
    spool: Spool,
    classes: Sequence[str] = (),
) -> ImageResults:
    """The kept images of this process, under the thresholds that ``counters`` and ``summary`` of all led to.

    Besides what ``count_records`` reads, a record says where its ``described`` and ``located`` lie in the spool.
    """
    columns, gt_bboxes = _columns(records, keep, spool)
    if not counters['boxed']:
        return ImageResults(columns, gt_bboxes, [], [], list(classes))
    located = [_number_hits(row, plan, counters, summary) for row in range(len(plan.protocols))]
    thresholds = [_box_threshold(*pair) for pair in zip(located, summary['rows'])]
    found = _Boxes(records, keep, plan, spool, thresholds)
    rows = []
    for row, numbers in enumerate(located):
        protocol, stated = plan.protocols[row], summary['rows'][row]
        hits = {name: _read_hits(records, keep, plan, where) for name, where in numbers.items()}
        explained = explained_number(hits)
        right = columns['rank'] == 0 if explained == TOP1 else np.ones(len(columns['rank']), bool)
        kinds = error_breakdown(
            found.boxes[row], found.gt[row], right, protocol.inclusive_iou, hits[explained]
        )
        rows.append(
            RowResults(
                name=plan.row_names[row],
                protocol=protocol.to_dict(),
                source=stated['threshold_source'],
                threshold=thresholds[row],
                heatmap=plan.heatmap_of(row),
                numbers={name: stated[name] for name in [*hits, *_classification(stated)]},
                thresholds={name: where.threshold for name, where in numbers.items()},
                hits=hits | {n: within_rank(columns['rank'], k) for n, k in _classification(stated).items()},
                boxes=found.boxes[row].astype(np.float32),
                ious=found.ious[row].astype(np.float32),
                kinds=kinds.astype(np.int8),
            )
        )
    return ImageResults(columns, gt_bboxes, found.heatmaps, rows, list(classes))


def _kept(values: Sequence[Any], images: NDArray[np.bool_]) -> list[Any]:
    return [value for value, wanted in zip(values, images) if wanted]


def _columns(
    records: Sequence[Record], keep: Sequence[NDArray[np.bool_]], spool: Spool
) -> tuple[dict[str, NDArray], list[NDArray]]:
    columns = {
        name: np.concatenate([np.empty(0, np.int64), *(r[name][k] for r, k in zip(records, keep))])
        for name in ('sample_idx', 'label', 'rank')
    }
    described: list[dict[str, Any]] = []
    gt_bboxes: list[NDArray] = []
    for record, images in zip(records, keep):
        batch = spool.read(record['described'])
        described += _kept(batch.images, images)
        gt_bboxes += _kept(batch.gt_bboxes, images)
    names = described[0] if described else ()
    return columns | {name: np.array([image[name] for image in described]) for name in names}, gt_bboxes


def _classification(stated: Mapping[str, Any]) -> dict[str, int]:
    return {name: k for name, k in zip(CLASSIFICATION, (1, 5)) if name in stated}


def _number_hits(
    row: int, plan: LocalizationPlan, counters: Counters, summary: Mapping[str, Any]
) -> dict[str, Hits]:
    """Where the hits lie that make up each number of a row."""
    stated, at50 = summary['rows'][row], plan.levels.index(50)
    _, best = chosen_accuracies(row, plan, counters)  # (S, L)
    thresholds = plan.thresholds(row)
    cuts = uint8_cuts(thresholds) if plan.is_standard(row) else np.arange(len(thresholds))
    numbers = {}
    for slot, (name, (sweep, limit)) in enumerate(zip(number_names(row, plan), plan.slots(row))):
        at = {name: at50} | {f'{name}@{level:g}': plan.levels.index(level) for level in plan.iou_thresholds}
        if slot == 0:
            at |= {f'IoU@{level:g}': plan.levels.index(level) for level in plan.iou_thresholds}
        for key, iou in at.items():
            chosen = best[slot, iou]
            numbers[key] = Hits(sweep, iou, int(cuts[chosen]), RANK_LIMITS[limit], float(thresholds[chosen]))
    numbers = {name: where for name, where in numbers.items() if name in stated}
    return numbers | _oracle_hits(row, plan, counters)


def _oracle_hits(row: int, plan: LocalizationPlan, counters: Counters) -> dict[str, Hits]:
    """Those of MaxBoxAcc and of MaxBoxAccV2 at each level, if the row has them."""
    if not plan.reports_oracles(row):
        return {}
    at50, heatmap, numbers = plan.levels.index(50), plan.heatmap_of(row), {}
    levels = {f'MaxBoxAccV2@{level:g}': ('v2', plan.levels.index(level)) for level in plan.iou_thresholds}
    for name, (part, iou) in ({'MaxBoxAcc': ('v1', at50)} | levels).items():
        _, best = max_box_accuracy(counters[f'{part}/{heatmap}'][0, iou], 1, plan.interval)
        numbers[name] = Hits(f'{part}/{heatmap}', iou, int(uint8_cuts(best)), None, float(best))
    return numbers


def _read_hits(
    records: Sequence[Record], keep: Sequence[NDArray[np.bool_]], plan: LocalizationPlan, where: Hits
) -> NDArray[np.bool_]:
    """Hits of the kept images, (N,)."""
    parts = [np.empty(0, bool)]
    for record, images in zip(records, keep):
        hits = unpack_hits(record['packed'][where.sweep], plan.hit_shapes[where.sweep])
        parts.append((hits[:, where.iou, where.level] & within_rank(record['rank'], where.limit))[images])
    return np.concatenate(parts)


def _box_threshold(numbers: Mapping[str, Hits], stated: Mapping[str, Any]) -> float:
    """That of Top-1 Loc; of the row's first number where Top-1 Loc is zero, and any threshold as good as another."""
    return numbers['Top-1 Loc' if stated.get('Top-1 Loc') else next(iter(numbers))].threshold


class _Boxes:
    """Boxes, IoUs and true boxes of the kept images by row, at one threshold a row, and maps to draw."""

    def __init__(
        self,
        records: Sequence[Record],
        keep: Sequence[NDArray[np.bool_]],
        plan: LocalizationPlan,
        spool: Spool,
        thresholds: Sequence[float],
    ) -> None:
        self._plan, self._thresholds = plan, thresholds
        count = int(sum(images.sum() for images in keep))
        rows = range(len(plan.protocols))
        self.boxes = [np.zeros((count, 4)) for _ in rows]
        self.ious = [np.zeros(count) for _ in rows]
        self.gt: list[list[Any]] = [[None] * count for _ in rows]
        self.heatmaps: list[list[Any]] = [[None] * count for _ in plan.heatmap_rows]
        start = 0
        for record, images in zip(records, keep):
            places = start + np.cumsum(images) - 1
            batch: Located = spool.read(record['located'])
            for members, stored in batch.maps:
                chosen = images[members]
                if chosen.any():
                    maps = [torch.from_numpy(values[chosen]) for values in stored]
                    frame = tuple(record['frame'][members[0]].tolist())
                    gt = {
                        key: [boxes[i] for i in members[chosen]] for key, boxes in batch.input_bboxes.items()
                    }
                    self._box(frame, gt, places[members[chosen]], maps)
            start += int(images.sum())

    def _box(
        self,
        frame: tuple[int, int],
        input_bboxes: Mapping[BoxRounding, list[NDArray]],
        places: NDArray,
        maps: Sequence[Tensor],
    ) -> None:
        for heatmap, rows in enumerate(self._plan.heatmap_rows):
            heatmaps = protocol_heatmaps(maps[heatmap], self._plan.protocols[rows[0]], frame)  # (n, H, W)
            for place, values in zip(places, _maps_to_draw(maps[heatmap])):
                self.heatmaps[heatmap][place] = values
            for row in rows:
                protocol = self._plan.protocols[row]
                gt = input_bboxes[protocol.gt_rounding]
                levels = protocol_levels(heatmaps, protocol, [self._thresholds[row]]).numpy()
                self.boxes[row][places], self.ious[row][places] = nearest_boxes(levels, gt, protocol)
                for place, boxes in zip(places, gt):
                    self.gt[row][place] = boxes


def _maps_to_draw(maps: Tensor) -> Iterator[NDArray[np.uint8]]:
    """Each map (h, w), min to max, as uint8 of at most ``MAX_MAP_SIDE`` a side; zeros where it is constant."""
    for values in maps.double().nan_to_num(nan=0.0).numpy():
        shrink = max(values.shape) / MAX_MAP_SIDE
        if shrink > 1:
            size = [max(1, round(side / shrink)) for side in values.shape[::-1]]
            values = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        span = np.ptp(values)
        yield np.round(255 * (values - values.min()) / (span or 1.0)).astype(np.uint8)
