"""From counters to what a test against masks reports: a JSON-able summary, flat metrics and a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from .functional.pixel import confusion_iou, peak_iou, pixel_average_precision
from .localization_report import table_lines
from .pixel_counters import CENTRE, DEFAULT, PixelPlan

METRICS = ('PxAP', 'pIoU', 'mask IoU', 'pooled IoU')


def pixel_summary(plan: PixelPlan, counters: Mapping[str, Any]) -> dict[str, Any]:
    """Rows by protocol and two baselines, in percent, of the counters of ``count_pixels``."""
    rows = [_row(row, plan, counters) for row in range(len(plan.protocols))]
    centre = _scores(counters[f'scores/{CENTRE}'], plan.interval)
    centre |= _at_threshold(counters, CENTRE, counters[f'mask/{CENTRE}'], plan.mask_threshold, DEFAULT)
    return dict(
        num_images=counters['images'],
        num_with_object=counters['objects'],
        interval=plan.interval,
        rows=rows,
        baselines=[_whole_image(counters, plan), {'name': CENTRE, **centre}],
        notes=_notes(plan, counters),
    )


def pixel_metrics(summary: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a summary as ``<row>/<metric>``."""
    return {
        f'{row["name"].replace(" ", "_")}/{metric}': row[metric]
        for row in [*summary['rows'], *summary['baselines']]
        for metric in METRICS
    }


def format_pixel_table(summary: Mapping[str, Any]) -> str:
    """The summary as text, percent with two decimals."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column('protocol', no_wrap=True)
    rows = [*summary['rows'], *summary['baselines']]
    more = ['checkpoint'] if any('checkpoint' in row for row in rows) else []
    for heading in (
        'PxAP',
        'pIoU',
        'threshold',
        'source',
        'mask IoU',
        'pooled IoU',
        'at',
        'from',
        *more,
        'images',
    ):
        is_text = heading in ('source', 'from', 'checkpoint')
        table.add_column(heading, justify='left' if is_text else 'right', no_wrap=True)
    for i, row in enumerate(rows, 1):
        pxap, piou, *at_threshold = (f'{row[metric]:.2f}' for metric in METRICS)
        table.add_row(
            row['name'],
            *(pxap, piou, f'{row["pIoU threshold"]:g}', row['threshold_source'], *at_threshold),
            *(f'{row["mask threshold"]:g}', row['mask threshold source']),
            *(row.get(key, '-') for key in more),
            str(summary['num_images']),
            end_section=i == len(summary['rows']),
        )
    return '\n'.join([*table_lines(table), *summary['notes']])


def _row(row: int, plan: PixelPlan, counters: Mapping[str, Any]) -> dict[str, Any]:
    return dict(
        name=plan.row_names[row],
        protocol=plan.protocols[row].to_dict(),
        **_scores(counters[f'scores/{plan.heatmap_of[row]}'], plan.interval),
        **_at_threshold(
            counters, str(row), counters[f'mask/{row}'], plan.threshold(row), plan.threshold_source(row)
        ),
    )


def _scores(histograms: NDArray[np.int64], interval: float) -> dict[str, Any]:
    """What the pooled histograms (2, B) give; the threshold of pIoU is chosen on the evaluated masks."""
    peak, threshold = peak_iou(histograms, interval)
    return {
        'PxAP': pixel_average_precision(histograms),
        'pIoU': peak,
        'pIoU threshold': threshold,
        'threshold_source': 'oracle',
    }


def _at_threshold(
    counters: Mapping[str, Any], name: str, confusion: NDArray[np.int64], threshold: float, source: str
) -> dict[str, Any]:
    """IoU of one foreground: mean over images, and over all pixels together."""
    return {
        'mask IoU': float(counters[f'mean/{name}']),
        'pooled IoU': float(confusion_iou(confusion)),
        'mask threshold': float(threshold),
        'mask threshold source': source,
    }


def _whole_image(counters: Mapping[str, Any], plan: PixelPlan) -> dict[str, Any]:
    """A constant map; all of it is foreground at threshold 0."""
    areas = counters[f'scores/{CENTRE}'].sum(axis=1)  # (2,) background, object
    constant = np.zeros((2, plan.num_bins), np.int64)
    constant[:, 0] = areas
    confusion = np.array([areas[1], areas[0], 0])
    at_zero = _at_threshold(counters, 'whole', confusion, 0.0, 'fixed')
    return {'name': 'whole image', **_scores(constant, plan.interval), **at_zero}


def _notes(plan: PixelPlan, counters: Mapping[str, Any]) -> list[str]:
    notes = [
        f"PxAP and pIoU: wsolevaluation's and DA-WSOL's, pixels of all images together, thresholds in steps of "
        f'{plan.interval:g}; that of pIoU is the best on these masks (oracle).',
        "mask IoU: mean over images of the row's own foreground at the threshold of the column `at`, which no mask chose; "
        'pooled IoU: over the pixels of all images.',
    ]
    if counters['objects'] < counters['images']:
        notes.append(
            f'{counters["images"] - counters["objects"]} of {counters["images"]} images show no object: they '
            'count as background, and not in mask IoU.'
        )
    return notes
