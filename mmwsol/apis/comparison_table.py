"""The lines of a comparison as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEADINGS = ('protocol', 'config', 'seeds', 'checkpoint', 'threshold', 'source')

Number = Mapping[str, float | None]  # mean, spread, and against the baseline difference, perhaps low and high


@dataclass
class Line:
    """What stands under ``HEADINGS``, of how many runs, and the numbers by metric, of boxes or of ``masks``."""

    texts: Sequence[str]
    runs: int
    numbers: Mapping[str, Number]
    masks: bool = False


def _metrics(lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(metric for line in lines for metric in line.numbers))


def format_markdown(lines: Sequence[Line], notes: Sequence[str]) -> str:
    """A table for the rows of each kind of numbers, those of boxes and those of masks, and the notes."""
    tables: dict[bool, list[Line]] = {}
    for line in lines:
        tables.setdefault(line.masks, []).append(line)
    return '\n\n'.join([*map(_table, tables.values()), *notes]) + '\n'


def _table(lines: Sequence[Line]) -> str:
    metrics = _metrics(lines)
    table = [[*HEADINGS, *metrics]]
    for line in lines:
        table.append([*line.texts, *(_cell(line.numbers.get(metric)) for metric in metrics)])
    escaped = [[cell.replace('|', '\\|') for cell in cells] for cells in table]
    widths = [max(map(len, column)) for column in zip(*escaped)]
    text = [
        '| ' + ' | '.join(cell.ljust(width) for cell, width in zip(cells, widths)) + ' |' for cells in escaped
    ]
    text.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    return '\n'.join(text)


def _cell(number: Number | None) -> str:
    if number is None:
        return '-'
    text = f'{number["mean"]:.2f}'
    if number['spread'] is not None:
        text += f' ± {number["spread"]:.2f}'
    if 'difference' in number:
        interval = f' [{number["low"]:+.2f}, {number["high"]:+.2f}]' if 'low' in number else ''
        text += f' ({number["difference"]:+.2f}{interval})'
    return text


def format_csv(lines: Sequence[Line]) -> str:
    """Every number in a column of its own, empty where it does not apply."""
    parts = ('mean', 'spread', 'difference', 'low', 'high')
    metrics = _metrics(lines)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow([*HEADINGS, 'runs', *(f'{metric} {part}' for metric in metrics for part in parts)])
    for line in lines:
        numbers = [line.numbers.get(metric, {}).get(part) for metric in metrics for part in parts]
        cells = ['' if number is None else f'{number:.6f}' for number in numbers]
        writer.writerow([*line.texts, line.runs, *cells])
    return out.getvalue()
