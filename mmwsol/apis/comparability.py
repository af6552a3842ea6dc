"""Tested runs, and whether their numbers may stand in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmwsol.evaluation.functional.paired_bootstrap import image_mean
from mmwsol.evaluation.image_results import ImageResults
from mmwsol.evaluation.pixel_report import METRICS

from .config_identity import identify_classifier
from .stored_result import StoredResult, find_result

# sources whose threshold is a value of the run and no rule of the protocol
OWN_THRESHOLD = ('fixed', 'val', 'pseudo')
# what an evaluator's numbers mean, beside the protocols
SETTINGS = ('iou_thresholds', 'interval')
# behind the name of a row of PixelMetric
MASKS = ', masks'
# sides of two views of an image may differ by the rounding of a resize, a share of the image
SAME_VIEW = 0.01


@dataclass
class Run:
    """A tested checkpoint, with its images in the order of their names."""

    name: str
    result: StoredResult
    images: ImageResults
    order: NDArray[np.int64]

    @cached_property
    def masks(self) -> dict[str, Mapping[str, Any]]:
        """What a PixelMetric found, by name of the row, which tells it from that of the boxes."""
        return {f'{row["name"]}{MASKS}': row for row in self.result.masks.get('rows', ())}

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Switches of the protocols by row."""
        boxes = {row.name: row.protocol for row in self.images.rows}
        return boxes | {name: row['protocol'] for name, row in self.masks.items()}

    def metrics(self, row: str) -> list[str]:
        """Names of the numbers of a row."""
        if row in self.masks:
            return [metric for metric in METRICS if metric in self.masks[row]]
        return list(self.images.row(row).hits)

    def has(self, row: str, metric: str) -> bool:
        return bool(metric in self.metrics(row) if row in self.masks else self._parts(row, metric))

    def _parts(self, row: str, metric: str) -> list[str]:
        """The hits that make up a number: its own, or those at several IoU levels; none if the row lacks it."""
        hits = self.metrics(row)
        return [metric] if metric in hits else [name for name in hits if name.startswith(f'{metric}@')]

    def values(self, row: str, metric: str) -> NDArray[np.float64]:
        """What each image contributes to a number of boxes, (N,) in [0, 1]."""
        hits = self.images.row(row).hits
        return np.mean([hits[part] for part in self._parts(row, metric)], axis=0)[self.order]

    def groups(self, row: str, metric: str) -> NDArray[np.int64] | None:
        """The class of each image (N,), where a number averages over the classes."""
        by_class = self.rows[row]['average'] == 'class' and not metric.startswith('MaxBoxAcc')
        return self.labels if by_class else None

    def number(self, row: str, metric: str) -> float:
        """In percent."""
        if row in self.masks:
            return float(self.masks[row][metric])
        return 100 * image_mean(self.values(row, metric), self.groups(row, metric))

    def threshold(self, row: str) -> tuple[str, str]:
        """That of a row's first number, or of the mask of its foreground, and where it comes from."""
        if row in self.masks:
            stated = self.masks[row]
            return f'{stated["mask threshold"]:g}', stated.get('mask threshold source', '-')
        found = self.images.row(row)
        return f'{next(iter(found.thresholds.values())):g}', found.source

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.images.columns['label'][self.order]

    @property
    def views(self) -> NDArray[np.float64]:
        """The part of each image that the network saw, (N, 4) yxyx, as shares of its sides."""
        whole, corner, size = (
            self.images.columns[key][self.order].astype(np.float64)
            for key in ('resize_shape', 'crop_offset', 'img_shape')
        )
        return np.hstack([corner, corner + size]) / np.maximum(np.hstack([whole, whole]), 1)

    @property
    def input_text(self) -> str:
        """Sizes of the network inputs, e.g. ``224x224`` or, of a crop, ``224x224 of 256x256``."""
        sizes = [np.unique(self.images.columns[key], axis=0) for key in ('img_shape', 'resize_shape')]
        size, whole = (
            f'{found[0, 0]}x{found[0, 1]}' if len(found) == 1 else 'several sizes' for found in sizes
        )
        return size if size == whole else f'{size} of {whole}'

    def describe_data(self) -> str:
        data = self.result.content['run']['data']
        return f'{data["type"]} {data.get("split") or ""}'.strip() + f', {len(self.images)} images'


def load_run(where: str) -> Run:
    result = find_result(where)
    images = result.load_images(maps=False)
    return Run(str(where), result, images, np.argsort(images.columns['img_id'], kind='stable'))


def check_same_images(first: Run, other: Run) -> None:
    """``ValueError`` unless both runs were tested on the same images with the same labels, boxes and classes."""
    pair = f'{first.name} ({first.describe_data()}) and {other.name} ({other.describe_data()})'
    one, two = (run.images.columns['img_id'][run.order].tolist() for run in (first, other))
    if one != two:
        single = sorted(set(one) ^ set(two))
        detail = (
            f'{len(single)} images occur in one of them only, e.g. {single[0]}' if single else 'some repeat'
        )
        raise ValueError(f'{pair} were tested on different images: {detail}. Compare tests of the same split')
    if (bad := first.labels != other.labels).any() or first.images.classes != other.images.classes:
        detail = f'e.g. {one[int(bad.argmax())]}' if bad.any() else 'and other names'
        raise ValueError(
            f'{pair} were tested with different classes, {detail}; test them with the same annotation'
        )
    for i, j, name in zip(first.order, other.order, one):
        if not np.array_equal(first.images.gt_bboxes[i], other.images.gt_bboxes[j]):
            raise ValueError(
                f'{pair} were tested with different true boxes, e.g. of {name}; use the same annotation'
            )


def check_same_views(first: Run, other: Run, allowed: Sequence[str] = ()) -> None:
    """``ValueError`` if the networks saw other parts of the images, which moves every number, GT-known too."""
    far = np.abs(first.views - other.views).max(axis=1, initial=0) > SAME_VIEW
    if far.any() and 'frame' not in allowed:
        example = first.images.columns['img_id'][first.order][int(far.argmax())]
        raise ValueError(
            f'{first.name} (inputs of {first.input_text}) and {other.name} ({other.input_text}) saw other parts of '
            f'{int(far.sum())} images, e.g. of {example}: a crop cuts objects, and the boxes are scored in it. Test both '
            'with one test_pipeline, or, if you know what you compare, --allow frame'
        )


def check_same_stages(first: Run, other: Run, allowed: Sequence[str] = ()) -> None:
    """``ValueError`` if one run's classes are its own and the other's those of a second classifier, or of two."""
    two_stage = [run.name for run in (first, other) if run.result.localization.get('predictions')]
    if len(two_stage) == 1:
        raise ValueError(
            f'{two_stage[0]} takes its classes from another classifier (two-stage), but not all runs do; test them '
            'all with --predictions or --classifier, or none'
        )
    if two_stage and 'classifier' not in allowed and not _same_classifier(first.result, other.result):
        texts = [f'{run.name} ({run.result.classifier})' for run in (first, other)]
        raise ValueError(
            f'{texts[0]} and {texts[1]} take their classes from different classifiers, or one does not say from which '
            '(two-stage); test them again with one --classifier or --predictions, or, if you know what you compare, '
            '--allow classifier'
        )


def _same_classifier(one: StoredResult, two: StoredResult) -> bool:
    """Whether two results state the same classifier, or the same file of predictions."""
    records = [record for result in (one, two) if (record := result.content.get('classifier'))]
    if len(records) == 2:
        return identify_classifier(records[0]) == identify_classifier(records[1])
    digests = [result.localization.get('predictions_sha256') for result in (one, two)]
    return digests[0] is not None and digests[0] == digests[1]


def check_same_masks(first: Run, other: Run, allowed: Sequence[str] = ()) -> None:
    """``ValueError`` if the true masks differ, by the share of the pixels that are an object's: PxAP of a constant map.

    Masks of inputs of another size differ by the rounding of a resize.
    """
    if not first.masks or not other.masks or 'frame' in allowed:
        return
    one, two = (run.result.masks for run in (first, other))
    shares = [summary['baselines'][0]['PxAP'] for summary in (one, two)]
    counts = [(summary['num_images'], summary['num_with_object']) for summary in (one, two)]
    if counts[0] != counts[1] or abs(shares[0] - shares[1]) > 100 * SAME_VIEW:
        texts = [f'{share:.2f} % of the pixels in {n} of {of}' for share, (of, n) in zip(shares, counts)]
        raise ValueError(
            f'{first.name} and {other.name} were tested with different true masks: objects take {texts[0]} images and '
            f'{texts[1]}; use the same annotation'
        )


def check_same_settings(first: Run, other: Run, allowed: Sequence[str] = ()) -> None:
    """``ValueError`` if the IoU levels or the steps of thresholds differ, which define ``MaxBoxAccV2`` and every oracle."""
    for key in SETTINGS:
        one, two = (run.result.settings(key) for run in (first, other))
        if any(one[name] != two[name] for name in one.keys() & two.keys()) and key not in allowed:
            raise ValueError(
                f'{first.name} and {other.name} were tested with different {key} of their evaluators: {one} and {two}; '
                f'test again with one, or, if you know what you compare, --allow {key}'
            )


def shared_rows(
    runs: Sequence[Run], wanted: Sequence[str] | None, allowed: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Names of the rows that all runs have under the same switches, and notes on those left out.

    Raises:
        ValueError: rows of one name differ in a switch that is not ``allowed``, or none is shared.
    """
    have = [list(run.rows) for run in runs]
    every = dict.fromkeys(name for names in have for name in names)
    asked = list(every)
    if wanted:
        of_both = [(name, f'{name}{MASKS}') for name in wanted]
        asked = [name for pair in of_both for name in [n for n in pair if n in every] or pair[:1]]
    rows = [name for name in asked if all(name in names for names in have)]
    missing = [name for name in asked if name not in rows]
    if not rows or (wanted and missing):
        listed = '; '.join(f'{run.name}: {", ".join(names) or "none"}' for run, names in zip(runs, have))
        what = f'{", ".join(missing)} is not' if wanted else 'no protocol is'
        raise ValueError(f'{what} in all results ({listed}); test the runs again under the same --protocol')
    for name in rows:
        for run in runs[1:]:
            _check_same_rules(runs[0], run, name, allowed)
    notes = [f'Left out, since not all runs have them: {", ".join(missing)}.'] if missing else []
    return rows, notes


def _check_same_rules(first: Run, other: Run, name: str, allowed: Sequence[str]) -> None:
    one, two = (dict(run.rows[name]) for run in (first, other))
    if any(rules.get('threshold_source') in OWN_THRESHOLD for rules in (one, two)):
        one['thresholds'] = two['thresholds'] = None
    for switch in [*one, *(key for key in two if key not in one)]:
        if one.get(switch) != two.get(switch) and switch not in allowed:
            raise ValueError(
                f'{first.name} and {other.name} were tested under different protocols: {switch} of {name} is '
                f'{one.get(switch)!r} and {two.get(switch)!r}; test again under one --protocol, or, if you know what '
                f'you compare, --allow {switch}'
            )
