from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from .data_check import CheckResult
from .faults import FAULT_KINDS

COLUMNS = ('split', 'images', 'published', 'classes', 'per class', 'boxes', 'masks')


def format_report(result: CheckResult, limit: int = 10) -> str:
    """The result as plain text: counts, at most ``limit`` faults of each kind, notes, and a verdict as last line."""
    lines = [result.title, '', *_table(result)]
    for kind, group in groupby(result.faults, key=lambda fault: fault.kind):
        faults = list(group)
        lines += ['', f'{kind} ({len(faults)}): {FAULT_KINDS[kind]}']
        lines += [f'  {fault.split}: {fault.path}: {fault.detail}' for fault in faults[:limit]]
        if len(faults) > limit:
            lines.append(f'  .. and {len(faults) - limit} more')
    notes = [f'  {split}: {text}' for split, text in result.notes]
    notes += [f'  {count} faults of kind {kind} ignored as asked' for kind, count in result.ignored.items()]
    lines += ['', 'Notes', *notes] if notes else []
    return '\n'.join([*lines, '', _verdict(result)])


def _table(result: CheckResult) -> Iterator[str]:
    rows: list[Sequence[str]] = [COLUMNS]
    for row in result.splits:
        published = '-' if row['published'] is None else row['published']
        values = (row['split'], row['images'], published, row['classes'])
        rows.append(
            [*map(str, values), '{}-{}'.format(*row['per_class']), str(row['boxes']), str(row['masks'])]
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    for cells in rows:
        yield '  '.join(
            [cells[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(cells[1:], widths[1:]))]
        )


def _verdict(result: CheckResult) -> str:
    images = sum(row['images'] for row in result.splits)
    kinds = len({fault.kind for fault in result.faults})
    count = len(result.faults)
    verdict = (
        f'{count} fault{"s"[: count > 1]} of {kinds} kind{"s"[: kinds > 1]}' if count else 'no fault found'
    )
    return f'{verdict}; {images} images checked in {result.seconds:.1f} s'
