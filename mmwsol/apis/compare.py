"""One table over runs and seeds: ``tools/analysis/compare.py`` and the command ``mmwsol-compare``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmwsol.engine.atomic_backend import AtomicBackend
from mmwsol.evaluation.functional.paired_bootstrap import bootstrap_interval, image_mean

from .comparability import (
    SETTINGS,
    Run,
    check_same_images,
    check_same_masks,
    check_same_settings,
    check_same_stages,
    check_same_views,
    load_run,
    shared_rows,
)
from .comparison_table import Line, Number, format_csv, format_markdown
from .config_identity import Identity, differing_keys, identify_run
from .stored_result import NAME, StoredResult

# of a row's numbers, besides its first
DEFAULT_METRICS = ('Top-1 Loc', 'IoU', 'MaxBoxAccV2', 'Cls top-1')
NOTE_ON_MASKS = (
    'Rows of masks: threshold and source are those of mask IoU and pooled IoU; pIoU is at the best threshold on these '
    'masks (oracle). Their numbers are kept for the test as a whole, so a difference has no interval over images.'
)


@dataclass
class Group:
    """Runs of one config with several seeds."""

    name: str
    runs: list[Run]

    @property
    def seeds(self) -> str:
        return ', '.join(str(run.result.seed) for run in self.runs)

    @property
    def checkpoint(self) -> str:
        """What chose the checkpoints, marked if it was test data, and their epochs."""
        by = self.runs[0].result.checkpoint_chosen_by
        epochs = ', '.join(dict.fromkeys(run.result.checkpoint_epoch for run in self.runs))
        return f'{by}: {epochs}' if by else epochs

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
        help='compare although this differs: a switch of a protocol, e.g. threshold_source, which the table states, '
        'frame (the part of the images that the networks saw), iou_thresholds, interval, or classifier (two-stage)',
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
        check_same_stages(runs[0], run, args.allow)
        check_same_settings(runs[0], run, args.allow)
        check_same_views(runs[0], run, args.allow)
        check_same_masks(runs[0], run, args.allow)
    rows, notes = shared_rows(runs, args.protocol, args.allow)
    groups, more = group_runs(runs)
    names = [group.name for group in groups]
    if args.baseline not in (None, *names):
        raise ValueError(f'there is no {args.baseline!r} to compare with; there are {", ".join(names)}')
    baseline = groups[names.index(args.baseline) if args.baseline else 0]
    lines = [
        Line(
            line_texts(row, group),
            len(group.runs),
            numbers_of(row, group, baseline, args.metric, args.draws),
            row in runs[0].masks,
        )
        for row in rows
        for group in groups
    ]
    lines = [line for line in lines if line.numbers]
    check_metrics(lines, args.metric, runs[0], rows)
    if args.out and args.out.endswith('.csv'):
        return format_csv(lines)
    count = len(runs[0].order)
    notes = [
        f'{count} images, the same in all runs. ± is the standard deviation over seeds; in brackets the difference '
        f'from {baseline.name}, seeds averaged, and its 95 % bootstrap interval over images, which does not '
        'include the chance of the seed, and takes checkpoints and thresholds as given, also those chosen on these very '
        'images (oracle; MaxBoxAcc and MaxBoxAccV2 always are).',
        *notes,
        *more,
        *describe_inputs(groups),
    ]
    if any(row in runs[0].masks for row in rows):
        notes.append(NOTE_ON_MASKS)
    return format_markdown(lines, notes)


def group_runs(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Runs of the same config, up to the seed, and notes on what is odd about them.

    Raises:
        ValueError: two results of a group are of one checkpoint.
    """
    found: dict[Identity, list[Run]] = {}
    for run in runs:
        found.setdefault(identify_run(run.result.content['run'], checkpoint_choice(run.result)), []).append(
            run
        )
    groups = [Group(label, same) for label, same in zip(label_groups(list(found.values())), found.values())]
    notes: list[str] = []
    firsts: dict[str, tuple[str, Identity]] = {}
    for group, identity in zip(groups, found):
        twin, other = firsts.setdefault(group.runs[0].result.config_name, (group.name, identity))
        if other != identity:
            keys = ', '.join(differing_keys(other, identity))
            notes.append(f'{group.name} is another experiment than {twin}: they differ in {keys}.')
        check_checkpoints(group)
        seeds = [run.result.seed for run in group.runs]
        if repeated := sorted({str(seed) for seed in seeds if seeds.count(seed) > 1}):
            notes.append(f'{group.name}: seed {", ".join(repeated)} occurs more than once.')
    return groups, notes


def label_groups(found: Sequence[Sequence[Run]]) -> list[str]:
    """Names of experiments: the config's, and where it repeats as much of the first run's path as tells them apart."""
    names = [runs[0].result.config_name for runs in found]
    files = [Path(runs[0].name).resolve() for runs in found]
    paths = [(file.parent if file.name == NAME else file).parts for file in files]
    labels = []
    for name, path in zip(names, paths):
        same = [other for other, twin in zip(paths, names) if twin == name]
        ends = (path[-length:] for length in range(1, len(path) + 1))
        end = next((e for e in ends if sum(other[-len(e) :] == e for other in same) == 1), path)
        labels.append(f'{name} ({Path(*end)})' if len(same) > 1 else name)
    return labels


def checkpoint_choice(result: StoredResult) -> str:
    """How the checkpoint was chosen, the same in all seeds of an experiment: what chose it, else the very epoch."""
    return result.checkpoint_chosen_by or result.checkpoint_epoch


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
) -> dict[str, Number]:
    """Mean and spread over seeds of each number, in percent, and difference and interval against the baseline.

    Numbers of masks are kept for the test as a whole, so their difference has no interval over images.
    """
    first = group.runs[0]
    default = first.metrics(row) if row in first.masks else [first.metrics(row)[0], *DEFAULT_METRICS]
    numbers: dict[str, Number] = {}
    for metric in metrics or default:
        if not all(run.has(row, metric) for run in (*group.runs, *baseline.runs)):
            continue
        values = [run.number(row, metric) for run in group.runs]
        number: dict[str, float | None] = dict(mean=float(np.mean(values)), spread=None)
        if len(values) > 1:
            number['spread'] = float(np.std(values, ddof=1))
        if group is not baseline and row in first.masks:
            others = [run.number(row, metric) for run in baseline.runs]
            number['difference'] = float(np.mean(values) - np.mean(others))
        elif group is not baseline:
            change = 100 * (group.mean_values(row, metric) - baseline.mean_values(row, metric))
            classes = first.groups(row, metric)
            low, high = bootstrap_interval(change, classes, draws=draws)
            number |= dict(difference=image_mean(change, classes), low=low, high=high)
        numbers[metric] = number
    return numbers


def check_metrics(
    lines: Sequence[Line], metrics: Sequence[str] | None, run: Run, rows: Sequence[str]
) -> None:
    """``ValueError`` if a number that was asked for is in no line."""
    for metric in metrics or ():
        if not any(metric in line.numbers for line in lines):
            have = '; '.join(f'{row} has {", ".join(run.metrics(row))}' for row in rows)
            raise ValueError(f'no row has {metric} in all runs: {have}')


def line_texts(row: str, group: Group) -> list[str]:
    """Protocol, config, seeds, checkpoints, thresholds and their source of a line."""
    stated = zip(*(run.threshold(row) for run in group.runs))
    thresholds, sources = (', '.join(dict.fromkeys(texts)) for texts in stated)
    return [row, group.name, group.seeds, group.checkpoint, thresholds, sources]


def describe_inputs(groups: Sequence[Group]) -> list[str]:
    """Notes on what differs between the groups, or is two-stage, without a row of the table saying so."""
    results = [group.runs[0].result for group in groups]
    described = {
        'inputs': [group.runs[0].input_text for group in groups],
        'classifiers (two-stage)': [result.classifier for result in results],
    }
    for key in SETTINGS:
        described[key] = [
            ', '.join(dict.fromkeys(map(str, result.settings(key).values()))) for result in results
        ]
    notes = []
    if results[0].classifier:
        notes = ['Classes are not those of the localizers but of another classifier (two-stage).']
    return notes + [
        f'Different {what}: ' + '; '.join(f'{group.name} {text}' for group, text in zip(groups, texts)) + '.'
        for what, texts in described.items()
        if len(set(texts)) > 1
    ]


if __name__ == '__main__':
    main()
