"""One table over runs and seeds: ``tools/analysis/compare.py`` and the command ``mmwsol-compare``."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmwsol.engine.atomic_backend import AtomicBackend
from mmwsol.evaluation.functional.paired_bootstrap import bootstrap_interval, image_mean
from mmwsol.evaluation.image_results import ImageResults

from .config_identity import Identity, differing_keys, identify_run
from .stored_result import StoredResult, find_result

# of a row's numbers, besides its first
DEFAULT_METRICS = ('Top-1 Loc', 'IoU', 'MaxBoxAccV2', 'Cls top-1')
# sources whose threshold is a value of the run and no rule of the protocol
OWN_THRESHOLD = ('fixed', 'val', 'pseudo')


@dataclass
class Run:
    """A tested checkpoint, with its images in the order of their names."""

    name: str
    result: StoredResult
    images: ImageResults
    order: NDArray[np.int64]

    def parts(self, row: str, metric: str) -> list[str]:
        """The hits that make up a number: its own, or those at several IoU levels; none if the row lacks it."""
        hits = self.images.row(row).hits
        return [metric] if metric in hits else [name for name in hits if name.startswith(f'{metric}@')]

    def values(self, row: str, metric: str) -> NDArray[np.float64]:
        """What each image contributes to a number, (N,) in [0, 1]."""
        hits = self.images.row(row).hits
        return np.mean([hits[part] for part in self.parts(row, metric)], axis=0)[self.order]

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.images.columns['label'][self.order]


@dataclass
class Group:
    """Runs of one config with several seeds."""

    name: str
    runs: list[Run]

    @property
    def seeds(self) -> str:
        return ', '.join(str(run.result.seed) for run in self.runs)

    def mean_values(self, row: str, metric: str) -> NDArray[np.float64]:
        """What each image contributes on average over the seeds, (N,)."""
        return np.mean([run.values(row, metric) for run in self.runs], axis=0)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Compare tests of several runs and seeds under the same protocols on the same images'
    )
    parser.add_argument('results', nargs='+', help='work dirs, whose newest result counts, or result files')
    parser.add_argument(
        '--baseline', metavar='NAME', help='what the others are compared with (default: the first)'
    )
    parser.add_argument('--protocol', action='append', metavar='ROW', help='only these rows; may be repeated')
    parser.add_argument(
        '--metric', action='append', help='only these numbers; may be repeated, e.g. MaxBoxAccV2@70'
    )
    parser.add_argument(
        '--allow',
        action='append',
        default=[],
        metavar='SWITCH',
        help='compare although this switch of a protocol differs, e.g. threshold_source, which the table states',
    )
    parser.add_argument('--out', metavar='FILE', help='write .md or .csv (default: print Markdown)')
    parser.add_argument('--draws', type=int, default=10_000, help='of the bootstrap')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_arguments(argv)
    try:
        text = compare(args)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f'compare: {error}') from error
    if args.out:
        AtomicBackend().put_text(text, args.out)
        print(f'wrote {args.out}')
    else:
        print(text, end='')


def compare(args: argparse.Namespace) -> str:
    """The table as Markdown, or as CSV if ``--out`` asks for it."""
    if args.out and Path(args.out).suffix not in ('.md', '.csv'):
        raise ValueError(f'--out must end in .md or .csv, got {args.out}')
    runs = [load_run(where) for where in args.results]
    for run in runs[1:]:
        check_same_images(runs[0], run)
        check_same_stages(runs[0], run)
    rows, notes = shared_rows(runs, args.protocol, args.allow)
    groups, more = group_runs(runs)
    names = [group.name for group in groups]
    if args.baseline not in (None, *names):
        raise ValueError(f'there is no {args.baseline!r} to compare with; there are {", ".join(names)}')
    baseline = groups[names.index(args.baseline) if args.baseline else 0]
    lines = [
        dict(row=row, group=group, numbers=numbers_of(row, group, baseline, args.metric, args.draws))
        for row in rows
        for group in groups
    ]
    if args.out and args.out.endswith('.csv'):
        return format_csv(lines)
    count = len(runs[0].order)
    notes = [
        f'{count} images, the same in all runs. ± is the standard deviation over seeds; in brackets the difference '
        f'from {baseline.name}, seeds averaged, and its 95 % bootstrap interval over images, which does not '
        'include the chance of the seed.',
        *notes,
        *more,
    ]
    return format_markdown(lines, notes)


def load_run(where: str) -> Run:
    result = find_result(where)
    images = result.load_images()
    return Run(str(where), result, images, np.argsort(images.columns['img_id'], kind='stable'))


def check_same_images(first: Run, other: Run) -> None:
    """``ValueError`` unless both runs were tested on the same images with the same labels, boxes and classes."""
    pair = f'{first.name} ({_describe(first)}) and {other.name} ({_describe(other)})'
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


def check_same_stages(first: Run, other: Run) -> None:
    """``ValueError`` if one run's classes are its own and the other's those of a second classifier."""
    two_stage = [run.name for run in (first, other) if run.result.localization.get('predictions')]
    if len(two_stage) == 1:
        raise ValueError(
            f'{two_stage[0]} takes its classes from another classifier (two-stage), but not all runs do; test them '
            'all with --predictions or --classifier, or none'
        )


def _describe(run: Run) -> str:
    data = run.result.content['run']['data']
    return f'{data["type"]} {data.get("split") or ""}'.strip() + f', {len(run.images)} images'


def shared_rows(
    runs: Sequence[Run], wanted: Sequence[str] | None, allowed: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Names of the rows that all runs have under the same switches, and notes on those left out.

    Raises:
        ValueError: rows of one name differ in a switch that is not ``allowed``, or none is shared.
    """
    have = [[row.name for row in run.images.rows] for run in runs]
    every = list(dict.fromkeys(name for names in have for name in names))
    rows = [name for name in wanted or every if all(name in names for names in have)]
    missing = [name for name in wanted or every if name not in rows]
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
    one, two = (dict(run.images.row(name).protocol) for run in (first, other))
    if any(rules.get('threshold_source') in OWN_THRESHOLD for rules in (one, two)):
        one['thresholds'] = two['thresholds'] = None
    for switch in [*one, *(key for key in two if key not in one)]:
        if one.get(switch) != two.get(switch) and switch not in allowed:
            raise ValueError(
                f'{first.name} and {other.name} were tested under different protocols: {switch} of {name} is '
                f'{one.get(switch)!r} and {two.get(switch)!r}; test again under one --protocol, or, if you know what '
                f'you compare, --allow {switch}'
            )


def group_runs(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Runs of the same config, up to the seed, and notes on what is odd about them.

    Raises:
        ValueError: two results of a group are of one checkpoint.
    """
    found: dict[Identity, list[Run]] = {}
    for run in runs:
        found.setdefault(identify_run(run.result.content['run']), []).append(run)
    groups: list[Group] = []
    notes: list[str] = []
    firsts: dict[str, tuple[str, Identity]] = {}
    for identity, same in found.items():
        name = label = same[0].result.config_name
        if name in firsts:
            label = f'{name} ({Path(same[0].name).name})'
            twin, other = firsts[name]
            keys = ', '.join(differing_keys(other, identity))
            notes.append(f'{label} is another config than {twin}: they differ in {keys}.')
        firsts.setdefault(name, (label, identity))
        groups.append(Group(label, same))
        check_checkpoints(groups[-1])
        seeds = [run.result.seed for run in same]
        if repeated := sorted({str(seed) for seed in seeds if seeds.count(seed) > 1}):
            notes.append(f'{label}: seed {", ".join(repeated)} occurs more than once.')
    return groups, notes


def check_checkpoints(group: Group) -> None:
    """``ValueError`` if two results of a group are of one checkpoint."""
    seen: dict[str, Run] = {}
    for run in group.runs:
        digest = run.result.content['run'].get('checkpoint_sha256')
        if digest in seen:
            raise ValueError(
                f'{seen[digest].name} and {run.name} are tests of one checkpoint, which would count as two seeds; '
                'pass one'
            )
        if digest is not None:
            seen[digest] = run


def numbers_of(
    row: str, group: Group, baseline: Group, metrics: Sequence[str] | None, draws: int
) -> dict[str, dict[str, float | None]]:
    """Mean and spread over seeds of each number, in percent, and difference and interval against the baseline."""
    first = group.runs[0].images.row(row)
    numbers = {}
    for metric in metrics or [next(iter(first.hits)), *DEFAULT_METRICS]:
        if not all(run.parts(row, metric) for run in (*group.runs, *baseline.runs)):
            if metrics:
                raise ValueError(f'row {row} has no {metric} in all runs; it has {", ".join(first.hits)}')
            continue
        by_class = first.protocol['average'] == 'class' and not metric.startswith('MaxBoxAcc')
        labels = group.runs[0].labels if by_class else None
        values = [100 * image_mean(run.values(row, metric), labels) for run in group.runs]
        number: dict[str, float | None] = dict(mean=float(np.mean(values)), spread=None)
        if len(values) > 1:
            number['spread'] = float(np.std(values, ddof=1))
        if group is not baseline:
            change = 100 * (group.mean_values(row, metric) - baseline.mean_values(row, metric))
            low, high = bootstrap_interval(change, labels, draws=draws)
            number |= dict(difference=image_mean(change, labels), low=low, high=high)
        numbers[metric] = number
    return numbers


def _texts(line: dict[str, Any]) -> list[str]:
    """Protocol, thresholds and their source, config and seeds of a line."""
    rows = [run.images.row(line['row']) for run in line['group'].runs]
    thresholds = dict.fromkeys(f'{next(iter(row.thresholds.values())):g}' for row in rows)
    sources = dict.fromkeys(row.source for row in rows)
    return [line['row'], line['group'].name, line['group'].seeds, ', '.join(thresholds), ', '.join(sources)]


HEADINGS = ('protocol', 'config', 'seeds', 'threshold', 'source')


def _metrics(lines: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(metric for line in lines for metric in line['numbers']))


def format_markdown(lines: Sequence[dict[str, Any]], notes: Sequence[str]) -> str:
    metrics = _metrics(lines)
    table = [[*HEADINGS, *metrics]]
    for line in lines:
        table.append([*_texts(line), *(_cell(line['numbers'].get(metric)) for metric in metrics)])
    escaped = [[cell.replace('|', '\\|') for cell in cells] for cells in table]
    widths = [max(map(len, column)) for column in zip(*escaped)]
    text = [
        '| ' + ' | '.join(cell.ljust(width) for cell, width in zip(cells, widths)) + ' |' for cells in escaped
    ]
    text.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    return '\n'.join(text) + '\n\n' + '\n\n'.join(notes) + '\n'


def _cell(number: dict[str, float | None] | None) -> str:
    if number is None:
        return '-'
    text = f'{number["mean"]:.2f}'
    if number['spread'] is not None:
        text += f' ± {number["spread"]:.2f}'
    if 'difference' in number:
        text += f' ({number["difference"]:+.2f} [{number["low"]:+.2f}, {number["high"]:+.2f}])'
    return text


def format_csv(lines: Sequence[dict[str, Any]]) -> str:
    """Every number in a column of its own, empty where it does not apply."""
    parts = ('mean', 'spread', 'difference', 'low', 'high')
    metrics = _metrics(lines)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow([*HEADINGS, 'runs', *(f'{metric} {part}' for metric in metrics for part in parts)])
    for line in lines:
        numbers = [line['numbers'].get(metric, {}).get(part) for metric in metrics for part in parts]
        cells = ['' if number is None else f'{number:.6f}' for number in numbers]
        writer.writerow([*_texts(line), len(line['group'].runs), *cells])
    return out.getvalue()


if __name__ == '__main__':
    main()
