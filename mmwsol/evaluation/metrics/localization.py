from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dist import gather_object
from mmengine.logging import print_log
from numpy.typing import NDArray

from mmwsol.registry import METRICS

from ..functional.boxes import BoxRounding, boxes_to_input
from ..functional.localization_accuracy import score_ranks
from ..image_results import ImageResults, merge_image_results
from ..localization_counters import (
    Counters,
    Record,
    assign_images,
    check_all_or_none_boxed,
    count_centre_box,
    count_centre_gaussian,
    count_records,
    pack_hits,
    sum_over_ranks,
)
from ..localization_images import Described, Located, Spool, build_image_results
from ..localization_plan import STANDARD, LocalizationPlan
from ..localization_report import (
    add_error_kinds,
    format_localization_table,
    localization_summary,
    summary_metrics,
)
from ..prediction_file import PredictionFile
from ..protocols import Protocol
from ..selection import is_test_split, switches_of
from .counting_metric import CountingMetric, state_choice
from .sample_fields import (
    describe_image,
    groups_of_one_size,
    image_name,
    original_bboxes,
    sample_indices,
    to_numpy,
    true_label,
)


@METRICS.register_module()
class LocalizationMetric(CountingMetric):
    """Localization accuracy under one or several protocols, in one table with three trivial baselines.

    One row a protocol: GT-known, Top-1 and Top-5 Loc and the fractions at every IoU level by the protocol's
    own rules; beside them MaxBoxAcc and MaxBoxAccV2 by wsolevaluation's definition on the row's heat map
    (largest contour / all contours of the uint8 map in the input frame, wsolevaluation's true boxes and IoU,
    best threshold for each level on the evaluated images). A ``choe_*`` row takes GT-known, Top-1 and Top-5
    Loc each at its own best threshold, as DA-WSOL does. An ``scm`` row has no GT-known: what SCM publishes
    under that name stands as ``GT-known (predicted top-1)`` (and ``top-5``), with every number at every IoU
    level; its MaxBoxAcc and MaxBoxAccV2 are those of the true class's map. The baselines ``whole image`` and ``centre box``
    (mean width and height of the evaluated true boxes) use wsolevaluation's true boxes and IoU in the input
    frame; ``centre Gaussian`` is a heat map that knows nothing of the image, under the rules of ``choe_v2``.
    Images without any box give classification only.

    A row whose threshold comes from validation (``strict``) chooses it here, and leaves it in ``choices``, unless
    ``take_selection`` gave it the one of a checkpoint. Where the split of the data set is named test, the row is
    marked as an oracle.

    Integer counters add over ranks and every ``sample_idx`` counts once, so a distributed test gives the very
    numbers of a single process. After ``evaluate``, ``table_text`` and the JSON-able ``summary`` hold the
    result.

    Args:
        protocols: names of presets, or dicts with a ``name`` and overrides (``dict(name='bas_ext',
            threshold=0.1)``).
        iou_thresholds: IoU levels in percent; MaxBoxAccV2 is the mean over them.
        interval: step of the threshold sweep.
        num_threads: for the sweeps, over the images of a batch.
        predictions: a file of another classifier's predictions (see :class:`PredictionFile`) that decide whether the class
            is right, in place of the localizer's scores: the two-stage Top-1 of DA-WSOL (CVPR 2022). Maps, and the
            classes whose maps a protocol takes, stay the localizer's.
        per_image: also leave what was found on each image in ``images`` of the main process, and the kinds of error
            in the table. The maps wait in a temporary file until the thresholds are chosen.
    """

    default_prefix = 'wsol'
    results: list[Record]

    def __init__(
        self,
        protocols: str | Mapping | Protocol | Sequence[str | Mapping | Protocol] = ('choe_v2',),
        iou_thresholds: Sequence[float] = (30, 50, 70),
        interval: float = 0.001,
        num_threads: int = 4,
        predictions: str | None = None,
        per_image: bool = False,
        prefix: str | None = 'wsol',
        collect_device: str = 'cpu',
    ) -> None:
        plan = partial(LocalizationPlan, iou_thresholds=iou_thresholds, interval=interval)
        super().__init__(protocols, plan, prefix, collect_device)
        self.num_threads = num_threads
        self.predictions = PredictionFile(predictions) if predictions else None
        self.per_image = per_image
        self.images: ImageResults | None = None
        self._spool: Spool | None = None
        self.choices: list[dict[str, Any]] = []

    @property
    def protocols(self) -> list[Protocol]:
        return self.plan.protocols

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Box a batch under every protocol and keep a few hundred bytes an image."""
        classified = self._classified(data_samples)
        record = _classification_record(classified)
        boxed = [_has_boxes(sample) for sample in data_samples]
        record['unboxed'] = [image_name(s) for s, has_box in zip(data_samples, boxed) if not has_box][:1]
        unboxed = [name for other in (*self.results, record) for name in other['unboxed']]
        check_all_or_none_boxed(any(boxed) or any('packed' in other for other in self.results), unboxed)
        if any(boxed):
            record |= self._box_record(data_samples)
        if self.per_image:
            record |= self._image_record(data_samples, classified, any(boxed))
        self.results.append(record)

    def compute_metrics(self, results: list[Record]) -> dict[str, float]:
        """Percents by ``<row>/<metric>`` of this process's records and those of the other ranks."""
        keep, num_classes = assign_images(results)
        counters = count_records(results, keep, num_classes, self.plan)
        if counters['images'] == 0:
            print_log('LocalizationMetric got no images; nothing is evaluated', logger='current')
            return {}
        baselines: tuple = ()
        if counters['boxed']:
            centre = count_centre_box(results, keep, counters['gt_size'], self.plan)
            baselines = (*centre, count_centre_gaussian(results, keep, self.plan))
        self.summary = localization_summary(self.plan, counters, *baselines)
        self._state_choices(self.summary)
        if self.per_image:
            own = self._own_images(results, keep, counters)
            add_error_kinds(self.summary, sum_over_ranks(own.error_counts()))
            parts = gather_object(own)
            self.images = merge_image_results(parts) if parts else None
        self.table_text = format_localization_table(self.summary)
        if self.predictions is not None:
            self.summary['predictions'] = str(self.predictions.path)
            self.summary['predictions_sha256'] = self.predictions.sha256
            self.table_text += f'\nClasses (two-stage): {self.predictions.path}'
        print_log('\n' + self.table_text, logger='current')
        return summary_metrics(self.summary)

    def _state_choices(self, summary: dict[str, Any]) -> None:
        """Say in each row where its threshold and its checkpoint come from, and keep what was chosen here."""
        self.choices = []
        self.state_checkpoint(summary['rows'])
        for row, protocol, choice in zip(summary['rows'], self.protocols, self._taken):
            if 'threshold' not in row or not protocol.transfers_threshold:
                continue
            if protocol.awaits_threshold:
                choice = self._choice(row, protocol, summary['num_images'])
                self.choices.append(choice)
            if choice is not None:
                state_choice(row, choice, 'threshold_source')

    def _choice(self, row: Mapping[str, Any], protocol: Protocol, images: int) -> dict[str, Any]:
        split = (self.dataset_meta or {}).get('split')
        if is_test_split(split):
            print_log(
                f'{protocol.name} chose its threshold on the split {split!r}: its row is an oracle and marked so. '
                'Choose on other images: a val split, or training images held out (docs/evaluation.md)',
                logger='current',
                level=logging.WARNING,
            )
        return dict(
            name=protocol.name,
            source=protocol.threshold_source,
            threshold=row['threshold'],
            value=row['IoU'],
            split=split,
            images=images,
            switches=switches_of(protocol),
        )

    def _classified(self, samples: Sequence[dict]) -> Sequence[dict]:
        """The samples with the scores that decide whether their class is right."""
        file = self.predictions
        if file is None:
            return samples
        if 'pred_scores' in samples[0]:
            num_classes = len(samples[0]['pred_scores'])
        else:
            num_classes = 1 + max(file.max_label, *(int(true_label(sample)) for sample in samples))
        return [{**s, 'pred_scores': file.scores(str(s.get('img_id')), num_classes)} for s in samples]

    def _box_record(self, samples: Sequence[dict]) -> Record:
        gt = {rounding: [_gt_in_input(s, rounding) for s in samples] for rounding in self.plan.roundings()}
        hits = {key: np.zeros((len(samples), *shape), bool) for key, shape in self.plan.hit_shapes.items()}
        for members in groups_of_one_size(samples):
            group = [samples[i] for i in members]
            parts = self.plan.hits(
                torch.stack([sample['pred_maps'] for sample in group]),  # (n, C, h, w)
                torch.stack([sample['map_labels'] for sample in group]),  # (n, C)
                torch.cat([true_label(sample) for sample in group]),
                tuple(group[0]['img_shape'][:2]),
                {rounding: [boxes[i] for i in members] for rounding, boxes in gt.items()},
                len(group[0]['pred_scores']) if 'pred_scores' in group[0] else None,
                self.num_threads,
            )
            for key, part in parts:
                hits[key][members] = part
        standard = gt[STANDARD['v2'].gt_rounding]
        return dict(
            packed={key: pack_hits(value) for key, value in hits.items()},
            frame=np.array([sample['img_shape'][:2] for sample in samples], np.int32),
            gt=np.concatenate(standard).astype(np.int32),
            gt_count=np.array([len(boxes) for boxes in standard], np.int32),
        )

    def _image_record(self, samples: Sequence[dict], classified: Sequence[dict], boxed: bool) -> Record:
        """Where the spool holds what the results of each image need beyond the counters."""
        self._spool = spool = self._spool or Spool()
        described = Described(
            images=[describe_image(sample) for sample in classified],
            gt_bboxes=[original_bboxes(sample) for sample in samples],
        )
        record: Record = dict(described=spool.write(described))
        if not boxed:
            return record
        stored = []
        for members in groups_of_one_size(samples):
            group = [samples[i] for i in members]
            maps = self.plan.boxed_maps(
                torch.stack([sample['pred_maps'] for sample in group]),
                torch.stack([sample['map_labels'] for sample in group]),
                torch.cat([true_label(sample) for sample in group]),
                len(group[0]['pred_scores']) if 'pred_scores' in group[0] else None,
            )
            stored.append(
                (np.array(members), [to_numpy(m.float() if m.dtype == torch.bfloat16 else m) for m in maps])
            )
        bboxes = {r: [_gt_in_input(sample, r) for sample in samples] for r in self.plan.roundings()}
        return record | dict(located=spool.write(Located(bboxes, stored)))

    def _own_images(
        self, records: Sequence[Record], keep: Sequence[NDArray[np.bool_]], counters: Counters
    ) -> ImageResults:
        """The results of each image that this rank counts."""
        classes, spool = (self.dataset_meta or {}).get('classes', ()), self._spool or Spool()
        self._spool = None
        return build_image_results(records, keep, counters, self.summary, self.plan, spool, classes)


def _classification_record(samples: Sequence[dict]) -> Record:
    labels = to_numpy(torch.cat([true_label(sample) for sample in samples])).astype(np.int64)
    ranks = np.full(len(labels), -1)
    if all('pred_scores' in sample for sample in samples):
        scores = to_numpy(torch.stack([sample['pred_scores'] for sample in samples]).float())
        if labels.min() < 0 or labels.max() >= scores.shape[1]:
            raise ValueError(
                f'labels must be in 0..{scores.shape[1] - 1}, got {labels.min()}..{labels.max()}; '
                "make the head's num_classes that of the data"
            )
        ranks = score_ranks(scores, labels)
    return dict(sample_idx=sample_indices(samples), label=labels, rank=ranks.astype(np.int32))


def _gt_in_input(sample: Mapping[str, Any], rounding: BoxRounding) -> NDArray:
    """True boxes (M, 4) in the input frame, from the published annotation where the sample carries it."""
    img_shape = tuple(sample['img_shape'][:2])
    if sample.get('ori_bboxes') is None:
        return boxes_to_input(to_numpy(sample['gt_bboxes']), img_shape, rounding=rounding)
    return boxes_to_input(
        to_numpy(sample['ori_bboxes']),
        tuple(sample['ori_shape'][:2]),
        tuple(sample.get('resize_shape') or img_shape),
        tuple(sample.get('crop_offset') or (0, 0)),
        img_shape,
        bool(sample.get('flip', False)),
        rounding,
    )


def _has_boxes(sample: Mapping[str, Any]) -> bool:
    return any(sample.get(key) is not None and len(sample[key]) > 0 for key in ('ori_bboxes', 'gt_bboxes'))
