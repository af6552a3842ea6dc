"""The protocols of TS-CAM and SCM against golden numbers.

``compare_tscam_protocol`` and ``compare_scm_protocol`` take maps and logits of any source: stored, or just
computed by a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmwsol.evaluation import Protocol, get_protocol
from mmwsol.evaluation.functional.error_breakdown import ERROR_KINDS, error_breakdown
from mmwsol.evaluation.functional.heatmaps import to_uint8_range
from mmwsol.evaluation.functional.localization_accuracy import score_ranks
from mmwsol.evaluation.localization import protocol_boxes, protocol_heatmaps, protocol_levels
from mmwsol.evaluation.localization_counters import assign_images, count_centre_box, count_records
from mmwsol.evaluation.localization_plan import LocalizationPlan
from mmwsol.evaluation.localization_report import localization_summary
from mmwsol.evaluation.metrics import LocalizationMetric

from .parity import Comparison, Fixture, compare

LEVELS = (30, 50, 70)
FRAME = (224, 224)
# TS-CAM's names of our kinds of errors
TSCAM_ERRORS = {
    'right': 'none',
    'wrong_cls': 'class',
    'wrong_multi': 'multi',
    'wrong_part': 'part',
    'wrong_more': 'more',
    'wrong_region': 'region',
}


def check_eval_protocol(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """TS-CAM's and SCM's protocol on the same stored class maps."""
    rows = fixture['evaluated_rows']
    maps, logits = torch.from_numpy(fixture['cams'][rows]), torch.from_numpy(fixture['logits'][rows])
    labels, boxes = fixture['labels'][rows], [parse_boxes(text) for text in fixture['gt_boxes'][rows]]
    yield from compare_tscam_protocol(fixture, maps, logits, labels, boxes)
    yield from compare_scm_protocol(fixture, maps, logits, labels, boxes)


def parse_boxes(text: str) -> NDArray[np.float64]:
    """Boxes (M, 4) of ``'x0 y0 x1 y1 x0 ..'``."""
    return np.array(text.split(), np.float64).reshape(-1, 4)


def compare_tscam_protocol(
    fixture: Fixture, maps: Tensor, logits: Tensor, labels: NDArray, gt_bboxes: Sequence[NDArray]
) -> Iterator[Comparison]:
    """Everything under ``tscam_``: boxes, hits of every image and kinds of errors at each stored threshold.

    ``maps`` (N, K, h, w) of all classes, ``logits`` (N, K), true boxes in the 224 frame.
    """
    best = logits.topk(5, dim=1).indices.numpy()  # (N, 5)
    for threshold in sorted({float(key.split('_')[1][3:]) for key in fixture if key.startswith('tscam_thr')}):
        protocol, prefix = get_protocol('tscam', threshold=threshold), f'tscam_thr{threshold:g}_'
        boxes = np.stack([class_boxes(maps, best[:, k], protocol) for k in range(5)], axis=1)[:, :, 0]
        found = np.concatenate([best[..., None], boxes], axis=-1)  # (N, 5, 5)
        yield compare(f'{prefix}top5_boxes', found, fixture[f'{prefix}top5_class_x0y0x1y1'])
        of_label = class_boxes(maps, labels, protocol)[:, 0]
        yield compare(f'{prefix}gtclass_box', of_label, fixture[f'{prefix}gtclass_box'])
        yield from _compare_flags(
            fixture, prefix, image_hits(protocol, maps, logits, labels, gt_bboxes), logits, labels
        )
        kinds = error_breakdown(boxes[:, 0], gt_bboxes, best[:, 0] == labels)
        for name, kind in TSCAM_ERRORS.items():
            yield compare(f'{prefix}{name}', kinds == ERROR_KINDS.index(kind), fixture[f'{prefix}{name}'])
    if 'tscam_map224_top1' in fixture:
        images = torch.arange(len(maps))
        heatmaps = protocol_heatmaps(maps[images, torch.from_numpy(best[:, 0])], get_protocol('tscam'), FRAME)
        yield compare('tscam_map224_top1', heatmaps.numpy(), fixture['tscam_map224_top1'], 1e-5)


def _compare_flags(
    fixture: Fixture, prefix: str, hits: dict[str, NDArray], logits: Tensor, labels: NDArray
) -> Iterator[Comparison]:
    """Classification, Top-1, Top-5 Loc and GT-known of every image."""
    ranks = score_ranks(logits.numpy(), labels)
    for k in (1, 5):
        yield compare(f'{prefix}cls_top{k}', ranks < k, fixture[f'{prefix}cls_top{k}'])
        located = hits['topk/0'][:, LEVELS.index(50), 0] & (ranks < k)
        yield compare(f'{prefix}loc_top{k}', located, fixture[f'{prefix}loc_top{k}'])
    yield compare(f'{prefix}gt_known', hits['own/0'][:, LEVELS.index(50), 0], fixture[f'{prefix}gt_known'])


def compare_scm_protocol(
    fixture: Fixture, maps: Tensor, logits: Tensor, labels: NDArray, gt_bboxes: Sequence[NDArray]
) -> Iterator[Comparison]:
    """Everything under ``scm_``: boxes, counts of hits at 100 thresholds, and the reported numbers.

    Arguments as for ``compare_tscam_protocol``.
    """
    protocol = get_protocol('scm')
    best = logits.topk(5, dim=1).indices.numpy()  # (N, 5)
    yield compare('scm_top5', best, fixture['scm_top5'])
    boxes = np.stack([class_boxes(maps, best[:, k], protocol) for k in range(5)], axis=1)  # (N, 5, T, 4)
    yield compare('scm_boxes_top5_thr', boxes, fixture['scm_boxes_top5_thr'])
    if 'scm_map224_top1_u8' in fixture:
        top1 = maps[torch.arange(len(maps)), torch.from_numpy(best[:, 0])]
        quantized = to_uint8_range(protocol_heatmaps(top1, protocol, FRAME))
        yield compare('scm_map224_top1_u8', quantized.numpy(), fixture['scm_map224_top1_u8'])
    hits, ranks = image_hits(protocol, maps, logits, labels, gt_bboxes), score_ranks(logits.numpy(), labels)
    for i, level in enumerate(LEVELS):
        det = [hits['own/0'][:, i].sum(axis=0), hits['any/0'][:, i].sum(axis=0)]
        loc = [(hits['topk/0'][:, i] & (ranks < k)[:, None]).sum(axis=0) for k in (1, 5)]
        yield compare(f'scm_det{level}', np.stack(det), fixture[f'scm_det{level}'])
        yield compare(f'scm_loc{level}', np.stack(loc), fixture[f'scm_loc{level}'])
    yield compare('scm_cls', [(ranks < k).sum() for k in (1, 5)], fixture['scm_cls'])
    yield from _compare_scm_metrics(fixture, class_samples(maps, logits, labels, gt_bboxes))


def _compare_scm_metrics(fixture: Fixture, samples: list[dict[str, Any]]) -> Iterator[Comparison]:
    """What SCM prints, against the row of the metric."""
    row = evaluated_row(samples, 'scm')
    for k in (1, 5):
        predicted, located = f'GT-known (predicted top-{k})', f'Top-{k} Loc'
        reported = {f'cls_acc_top-{k}': row[f'Cls top-{k}'], f'GT-Known_top-{k}': row[predicted]}
        for i, level in enumerate(LEVELS):
            at = f'thr_{level}.00_top-{k}'
            reported |= {
                f'maxbox_acc_{at}': row[f'{predicted}@{level}'],
                f'det_optThred_{at}': row[f'{predicted} thresholds'][i],
                f'loc_acc_{at}': row[f'{located}@{level}'],
                f'loc_optThred_{at}': row[f'{located} thresholds'][i],
            }
        for name, value in reported.items():
            yield compare(f'scm_metric/{name}', value, fixture[f'scm_metric/{name}'], 1e-12)


def class_boxes(maps: Tensor, classes: NDArray, protocol: Protocol) -> NDArray[np.float64]:
    """Boxes (N, T, 4) of the maps of one class an image, from maps (N, K, h, w)."""
    chosen = maps[torch.arange(len(maps)), torch.from_numpy(classes)]  # (N, h, w)
    heatmaps = protocol_heatmaps(chosen, protocol, FRAME)
    levels = protocol_levels(heatmaps, protocol, protocol.thresholds).numpy()
    return protocol_boxes(levels, len(protocol.thresholds), protocol)


def image_hits(
    protocol: Protocol, maps: Tensor, logits: Tensor, labels: NDArray, gt_bboxes: Sequence[NDArray]
) -> dict[str, NDArray[np.bool_]]:
    """Hits (N, L, T) of every sweep of ``LocalizationPlan`` for one protocol."""
    kept, gt = kept_classes(logits, labels), torch.from_numpy(labels)
    plan = LocalizationPlan([protocol], LEVELS, 0.01)
    chosen = maps[torch.arange(len(maps))[:, None], kept]  # (N, 6, h, w)
    boxes: dict[str, Sequence[NDArray]] = dict.fromkeys(plan.roundings(), gt_bboxes)
    return dict(plan.hits(chosen, kept, gt, FRAME, boxes, logits.shape[1]))


def kept_classes(logits: Tensor, labels: NDArray) -> Tensor:
    """The classes whose maps a head keeps: the five best, then the label, (N, 6)."""
    return torch.cat([logits.topk(5, dim=1).indices, torch.from_numpy(labels)[:, None]], dim=1)


def class_samples(
    maps: Tensor, logits: Tensor, labels: NDArray, gt_bboxes: Sequence[NDArray]
) -> list[dict[str, Any]]:
    """Data samples as a head would emit them; the true boxes are in the 224 frame already."""
    kept = kept_classes(logits, labels)
    return [
        dict(
            sample_idx=i,
            gt_label=torch.tensor([labels[i]]),
            pred_scores=logits[i],
            pred_maps=maps[i, kept[i]],
            map_labels=kept[i],
            gt_bboxes=gt_bboxes[i],
            img_shape=FRAME,
        )
        for i in range(len(labels))
    ]


def evaluated_row(samples: list[dict[str, Any]], protocol: str | Protocol) -> dict[str, Any]:
    """The metric's row of one protocol."""
    metric = LocalizationMetric([protocol], LEVELS, interval=0.01)
    metric.process(None, samples)
    keep, num_classes = assign_images(metric.results)
    counters = count_records(metric.results, keep, num_classes, metric.plan)
    centre = count_centre_box(metric.results, keep, counters['gt_size'], metric.plan)
    return localization_summary(metric.plan, counters, *centre)['rows'][0]
