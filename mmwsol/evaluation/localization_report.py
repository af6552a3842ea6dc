"""From counters to what a localization test reports: a JSON-able summary, flat metrics and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .functional.error_breakdown import ERROR_NAMES
from .functional.localization_accuracy import macro_average, max_box_accuracy, uint8_cuts
from .image_results import TOP1
from .localization_counters import CENTRE_GAUSSIAN
from .localization_plan import LocalizationPlan

LOCALIZATION = ('GT-known', TOP1, 'Top-5 Loc')
CLASSIFICATION = ('Cls top-1', 'Cls top-5')
# how well boxes agree with pseudo boxes, which stand where true ones would
AGREEMENT = 'agreement'
# what SCM publishes as GT-known: boxes of the predicted classes' maps, whether or not a class is right
PREDICTED = 'GT-known (predicted top-{})'


def localization_summary(
    plan: LocalizationPlan,
    counters: Mapping[str, Any],
    centre_hits: NDArray[np.int64] | None = None,
    centre_size: tuple[float, float] | None = None,
    gaussian_hits: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Rows by protocol, baselines and classification, in percent, of the counters of ``count_records``.

    Without ``centre_hits`` the images had no boxes, and only classification is reported.
    """
    ranked = counters['unranked'] == 0
    notes = []
    rows: list[dict[str, Any]] = [{'name': 'classification'}]
    baselines: list[dict[str, Any]] = []
    if centre_hits is None:
        notes.append('The images have no boxes: classification only.')
    else:
        rows = [_protocol_row(row, plan, counters) for row in range(len(plan.protocols))]
        for name, hits in (('whole image', counters['whole']), ('centre box', centre_hits)):
            baselines.append({'name': name, **_baseline(hits, counters['images'], plan)})
        baselines[1] |= {'threshold_source': 'oracle size', 'size': list(centre_size or ())}
        if gaussian_hits is not None:
            baselines.append(_gaussian_row(gaussian_hits, plan, counters['images']))
        if gaussian_hits is not None or any(plan.reports_oracles(row) for row in range(len(rows))):
            notes.append(
                f"MaxBoxAcc, MaxBoxAccV2 and @level: wsolevaluation's rules on the row's map, thresholds in "
                f'steps of {plan.interval:g}, the best for each level on these images (oracle).'
            )
        notes += [note for row in rows if 'predicted' in row for note in _notes_on_predicted(row, plan)]
    top = 100.0 * counters['ranked'].sum(axis=0) / counters['images']
    if ranked:
        macro = {plan.row_names[row] for row in plan.class_averaged()}
        for row in rows:
            means = macro_average(counters['ranked'], counters['per_class']) if row['name'] in macro else top
            row |= dict(zip(CLASSIFICATION, map(float, means)))
    else:
        notes.append('No class scores: Top-1 Loc, Top-5 Loc and classification are left out.')
    return dict(
        num_images=counters['images'],
        iou_thresholds=list(plan.iou_thresholds),
        interval=plan.interval,
        classification={'top-1': float(top[0]), 'top-5': float(top[1])} if ranked else None,
        rows=rows,
        baselines=baselines,
        notes=notes,
    )


def add_error_kinds(summary: dict[str, Any], counts: Mapping[str, NDArray[np.int64]]) -> None:
    """State in each row what its Top-1 localizations are, in percent by kind: ``errors``, of counts by row."""
    for row in summary['rows']:
        if row['name'] in counts:
            shares = 100.0 * counts[row['name']] / summary['num_images']
            row['errors'] = dict(zip(ERROR_NAMES, shares.tolist()))
            if row['protocol']['average'] == 'class':
                summary['notes'].append(
                    f'{row["name"]}: its numbers are means over the classes, the kinds of error shares of the images.'
                )


def summary_metrics(summary: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a summary as ``<row>/<metric>``, for MMEngine's logs and checkpoint hooks."""
    metrics = {f'cls/{key}': value for key, value in (summary['classification'] or {}).items()}
    for row in [*summary['rows'], *summary['baselines']]:
        if row['name'] != 'classification':
            name = row['name'].replace(' ', '_')
            metrics |= {f'{name}/{key}': value for key, value in row.items() if isinstance(value, float)}
    return metrics


def format_localization_table(summary: Mapping[str, Any]) -> str:
    """The summary as text, percent with two decimals; a dash where a number does not apply."""
    headings, rows = table_cells(summary)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify='left' if i < len(text_columns(summary)) else 'right', no_wrap=True)
    for i, cells in enumerate(rows, 1):
        table.add_row(*cells, end_section=i == len(summary['rows']))
    return '\n'.join([*table_lines(table), *_error_lines(summary['rows']), *summary['notes']])


def table_cells(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of the summary's table as text; those of ``text_columns`` come first."""
    levels: Sequence[float] = summary['iou_thresholds']
    rows = [*summary['rows'], *summary['baselines']]
    metrics = [LOCALIZATION[0], *dict.fromkeys(key for row in rows for key in row.get('predicted', ()))]
    metrics += [AGREEMENT, *(f'{AGREEMENT}@{level:g}' for level in levels)]
    metrics += [*LOCALIZATION[1:], *(f'IoU@{level:g}' for level in levels), 'MaxBoxAcc', 'MaxBoxAccV2']
    metrics += [*(f'MaxBoxAccV2@{level:g}' for level in levels), *CLASSIFICATION]
    metrics = [metric for metric in metrics if any(metric in row for row in rows)]
    texts = text_columns(summary)
    headings = [*texts, *(metric.replace('MaxBoxAccV2@', '@') for metric in metrics), 'images']
    cells = []
    for row in rows:
        stated = [row.get(key, '-') for key in texts.values()]
        stated = [f'{value:g}' if isinstance(value, float) else value for value in stated]
        values = [f'{row[metric]:.2f}' if metric in row else '-' for metric in metrics]
        cells.append([*stated, *values, str(summary['num_images'])])
    return headings, cells


def text_columns(summary: Mapping[str, Any]) -> dict[str, str]:
    """Headings of the columns in front of the numbers, and what they show of a row."""
    texts = {'protocol': 'name', 'threshold': 'threshold', 'source': 'threshold_source'}
    return texts | ({'checkpoint': 'checkpoint'} if any('checkpoint' in r for r in summary['rows']) else {})


def _error_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The kinds of error of the rows that state them, as a table."""
    rows = [row for row in rows if 'errors' in row]
    if not rows:
        return []
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    names = (TOP1, *LOCALIZATION, *rows[0].get('predicted', ()))  # Top-1 Loc is in all rows or in none
    explained = next(name for name in names if name in rows[0])
    table.add_column(f'{explained} is', no_wrap=True)
    for name in rows[0]['errors']:
        table.add_column(name, justify='right', no_wrap=True)
    for row in rows:
        table.add_row(row['name'], *(f'{value:.2f}' for value in row['errors'].values()))
    return table_lines(table)


def table_lines(table: Table) -> list[str]:
    """A table as lines of plain text."""
    out = StringIO()
    Console(file=out, width=1000, color_system=None).print(table)
    return [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]


def _protocol_row(row: int, plan: LocalizationPlan, counters: Mapping[str, Any]) -> dict[str, Any]:
    protocol, thresholds, at50 = plan.protocols[row], plan.thresholds(row), plan.levels.index(50)
    values, best = chosen_accuracies(row, plan, counters)
    result: dict[str, Any] = dict(
        name=plan.row_names[row],
        protocol=protocol.to_dict(),
        threshold=float(thresholds[best[0, at50]]),
        threshold_source=protocol.threshold_source,
    )
    if plan.boxes_each_class(row):
        result['predicted'] = list(dict.fromkeys(PREDICTED.format(k) for k in (1, protocol.topk)))
    for slot, name in enumerate(number_names(row, plan)):
        if name not in LOCALIZATION[1:] or counters['unranked'] == 0:
            result[name] = float(values[slot, at50])
            if plan.boxes_each_class(row):
                result |= _at_levels(name, values[slot], thresholds[best[slot]], plan)
    if protocol.threshold_source != 'oracle per level' and not plan.boxes_each_class(row):
        result |= _by_level('IoU', values[0], plan)
    if plan.reports_oracles(row):
        first, second = (counters[f'{part}/{plan.heatmap_of(row)}'][0] for part in ('v1', 'v2'))
        result |= _max_box_accuracies(first, second, plan, counters['images'])
    return result


def number_names(row: int, plan: LocalizationPlan) -> list[str]:
    """What the S numbers of a row are called; with k = 1 predicted classes the last repeats the first."""
    if not plan.boxes_each_class(row):
        return list(LOCALIZATION)
    first, last = (PREDICTED.format(k) for k in (1, plan.protocols[row].topk))
    return [first, *LOCALIZATION[1:], last]


def chosen_accuracies(
    row: int, plan: LocalizationPlan, counters: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The S numbers of a row at every IoU level, in percent (S, L), and which threshold each is at (S, L)."""
    accuracy = _accuracies(row, plan, counters)  # (S, L, T)
    chosen = _chosen_threshold(accuracy, row, plan)
    best = accuracy.argmax(axis=-1) if chosen is None else np.full(accuracy.shape[:2], chosen)
    return np.take_along_axis(accuracy, best[..., None], axis=-1)[..., 0], best


def _accuracies(row: int, plan: LocalizationPlan, counters: Mapping[str, Any]) -> NDArray[np.float64]:
    """Percents (S, L, T) of GT-known, Top-1, Top-5 Loc and, where each class is boxed, any of their boxes."""
    slots = plan.slots(row)
    if plan.protocols[row].average == 'class':
        hits = np.stack([counters[f'{sweep}/class'][:, slot] for sweep, slot in slots], axis=1)
        return macro_average(hits, counters['per_class'])
    hits = np.stack([counters[sweep][slot] for sweep, slot in slots])
    if plan.is_standard(row):
        hits = hits[..., uint8_cuts(plan.thresholds(row))]
    return 100.0 * hits / counters['images']


def _gaussian_row(hits: NDArray[np.int64], plan: LocalizationPlan, images: int) -> dict[str, Any]:
    """The baseline of hits (L, T) at each uint8 level: a heat map, so it takes its best threshold as a ``choe_v2`` row."""
    row = _max_box_accuracies(hits, hits, plan, images)
    _, best = max_box_accuracy(hits[plan.levels.index(50)], images, plan.interval)
    source = {'threshold': float(best), 'threshold_source': 'oracle per level'}
    return {'name': CENTRE_GAUSSIAN, **source, 'GT-known': row['MaxBoxAcc'], **row}


def _max_box_accuracies(
    first_hits: NDArray[np.int64], second_hits: NDArray[np.int64], plan: LocalizationPlan, images: int
) -> dict[str, Any]:
    """MaxBoxAcc and MaxBoxAccV2 of their hits (L, T) at each uint8 level."""
    first, _ = max_box_accuracy(first_hits[plan.levels.index(50)], images, plan.interval)
    second, best = max_box_accuracy(second_hits, images, plan.interval)
    return {
        'MaxBoxAcc': float(first),
        **_by_level('MaxBoxAccV2', second, plan),
        'MaxBoxAccV2 thresholds': [float(best[plan.levels.index(level)]) for level in plan.iou_thresholds],
    }


def _chosen_threshold(accuracy: NDArray[np.float64], row: int, plan: LocalizationPlan) -> int | None:
    """Which threshold of accuracies (S, L, T) a row reports; None: for each number the best.

    Of equal merits the first; the tolerance is far below one image and only undoes the rounding of percents.
    """
    source = plan.protocols[row].threshold_source
    if source == 'oracle per level':
        return None
    if source == 'oracle joint':
        merit = accuracy[:2, plan.levels.index(50)].sum(axis=0)  # (T,)
    else:
        merit = accuracy[0, [plan.levels.index(level) for level in plan.iou_thresholds]].mean(axis=0)  # (T,)
    return int((merit >= merit.max() - 1e-9).argmax())


def _at_levels(
    name: str, values: NDArray, thresholds: NDArray, plan: LocalizationPlan
) -> dict[str, float | list[float]]:
    """A number at each IoU level asked for as ``name@level``, and the thresholds of these."""
    at = [plan.levels.index(level) for level in plan.iou_thresholds]
    levels = {f'{name}@{plan.levels[i]:g}': float(values[i]) for i in at}
    return {**levels, f'{name} thresholds': [float(thresholds[i]) for i in at]}


def _notes_on_predicted(row: Mapping[str, Any], plan: LocalizationPlan) -> list[str]:
    """What a row that boxes each of the predicted classes reports beyond the table."""
    first, *rest = row['predicted']
    names = [name for name in (first, *rest, *LOCALIZATION[1:]) if name in row]
    notes = [
        f'{row["name"]}: "{first}", published as GT-known, boxes the predicted class\'s map whether or not the '
        "class is right; it is no GT-known. MaxBoxAcc and MaxBoxAccV2 are those of the true class's map."
    ]
    for i, level in enumerate(plan.iou_thresholds):
        numbers = (
            f'{name} {row[f"{name}@{level:g}"]:.2f} at {row[f"{name} thresholds"][i]:g}' for name in names
        )
        notes.append(f'{row["name"]}, IoU {level:g} %, each at its threshold: {", ".join(numbers)}')
    return notes


def _by_level(name: str, values: NDArray, plan: LocalizationPlan) -> dict[str, float]:
    """Mean over the IoU levels asked for under ``name``, each alone under ``name@level``."""
    wanted = {f'{name}@{level:g}': float(values[plan.levels.index(level)]) for level in plan.iou_thresholds}
    return {name: float(np.mean(list(wanted.values()))), **wanted}


def _baseline(hits: NDArray[np.int64], images: int, plan: LocalizationPlan) -> dict[str, Any]:
    """A fixed box has no threshold: its accuracies are MaxBoxAcc and MaxBoxAccV2 at once."""
    values = 100.0 * hits / images
    at50 = float(values[plan.levels.index(50)])
    return {'GT-known': at50, 'MaxBoxAcc': at50, **_by_level('MaxBoxAccV2', values, plan)}
