"""What each way to choose epoch and threshold costs, from one training that kept and validated every epoch.

    python tools/train.py configs/sat/sat_deittiny_cub_strict.py
    python tools/analysis/select_checkpoint.py work_dirs/sat_deittiny_cub_strict --by test --by val --by pseudo

A choice is CHECKPOINT[/THRESHOLD]. The checkpoint is the best one by ``val`` (mean GT-known over the IoU levels on the
validation split's true boxes), ``pseudo`` (agreement with pseudo boxes), ``classification`` (top-1 on the validation
split), ``test`` (as ``val``, but on the test boxes: an oracle), or the ``last`` one. The threshold is what ``val``,
``pseudo`` or ``test`` chose for that checkpoint, or a number; by default it is chosen as the checkpoint was, and by
``pseudo`` where that is no choice of a threshold. All rows follow the protocol ``strict``. What validation chose stands
in the checkpoints; every checkpoint that is needed is tested once, and its result kept in WORK_DIR/selection. A run
whose validated checkpoints are not all there is refused, since a lost one may have been the best, unless ``--among-kept``
says to choose among the others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmwsol.compat import load_checkpoint_file
from mmwsol.engine.atomic_backend import AtomicBackend
from mmwsol.evaluation.selection import ORACLE_MARK, is_test_split
from mmwsol.file_digest import file_digest
from mmwsol.version import __version__

from . import test
from .resume import saved_checkpoints
from .stored_result import find_result

# what decides between checkpoints, among the metrics of a validation
CRITERIA = {
    'val': 'wsol/strict/IoU',
    'pseudo': 'pseudo/strict/agreement',
    'classification': 'wsol/cls/top-1',
}
CHECKPOINTS = (*CRITERIA, 'test', 'last')
PROTOCOLS = {
    'val': 'strict',
    'pseudo': 'strict:threshold_source=pseudo',
    'test': 'strict:threshold_source=oracle',
}
NUMBERS = ('GT-known', 'Top-1 Loc', 'IoU')
DEFAULT = ('test', 'val', 'pseudo', 'classification', 'last')


@dataclass(frozen=True)
class Choice:
    """How a checkpoint and its threshold are chosen."""

    checkpoint: str
    threshold: str

    @property
    def protocol(self) -> str:
        return PROTOCOLS.get(self.threshold, f'strict:threshold={self.threshold}')


@dataclass(frozen=True)
class Validated:
    """A checkpoint of a run with what its validation found."""

    path: Path
    selection: Mapping[str, Any]


def parse_choice(text: str) -> Choice:
    """``CHECKPOINT[/THRESHOLD]``."""
    checkpoint, _, threshold = text.partition('/')
    threshold = threshold or (checkpoint if checkpoint in PROTOCOLS else 'pseudo')
    try:
        known = checkpoint in CHECKPOINTS and (threshold in PROTOCOLS or 0 <= float(threshold) < 1)
    except ValueError:
        known = False
    if not known:
        raise argparse.ArgumentTypeError(
            f'a choice is CHECKPOINT[/THRESHOLD], with CHECKPOINT among {", ".join(CHECKPOINTS)} and THRESHOLD among '
            f'{", ".join(PROTOCOLS)} or a number in [0, 1); got {text!r}'
        )
    return Choice(checkpoint, threshold)


def read_validations(work_dir: Path, among_kept: bool = False) -> list[Validated]:
    """The run's checkpoints that were validated, oldest first; ``ValueError`` if others were and are gone."""
    validated, paths, count = [], saved_checkpoints(work_dir), 0
    for path in reversed(paths):
        selection, earlier = _read_validation(path)
        if selection:
            validated.append(Validated(path, selection))
        count = earlier + bool(selection)
    if not validated:
        raise ValueError(
            f'none of the {len(paths)} checkpoints (epoch_*.pth) in {work_dir} carries a validation; train with a config '
            'that validates and keeps every epoch, as those named .._strict.py do'
        )
    if len(validated) < count and not among_kept:
        raise ValueError(
            f'{work_dir} has {len(validated)} of the {count} validated checkpoints of its run; one that is gone may have '
            'been the best. Keep all (default_hooks.checkpoint.max_keep_ckpts=-1, interval=train_cfg.val_interval), or '
            'say --among-kept'
        )
    return validated


def _read_validation(path: Path) -> tuple[Mapping[str, Any] | None, int]:
    """A checkpoint's selection, and the number of validations before it, by the history that MMEngine keeps in it."""
    content = load_checkpoint_file(path, map_location='cpu')
    histories = content.get('message_hub', {}).get('log_scalars', {})
    of_metrics = {key for key in histories if key.startswith('val/')} - {'val/time', 'val/data_time'}
    return content.get('selection'), max((len(histories[key].data[0]) for key in of_metrics), default=0)


def choose(validated: Sequence[Validated], metric: str) -> Validated:
    """The checkpoint with the largest ``metric``, of equals the earliest."""
    without = [v.path.name for v in validated if metric not in v.selection['metrics']]
    if without:
        known = ', '.join(validated[0].selection['metrics'])
        raise ValueError(f'the validation of {without[0]} has no {metric}; it has {known}')
    return max(validated, key=lambda v: v.selection['metrics'][metric])


def config_of(work_dir: Path) -> Path:
    """The config that the training left in its work dir."""
    configs = sorted(work_dir.glob('*.py'))
    if len(configs) != 1:
        raise ValueError(f'{work_dir} has {len(configs)} configs (*.py); name the right one with --config')
    return configs[0]


class TestResults:
    """Rows of the protocol ``strict`` on the test split by checkpoint, tested when first asked for and kept."""

    def __init__(self, work_dir: Path, config: Path, options: Sequence[str]) -> None:
        self.config, self.options = config, list(options)
        stated = json.dumps(Config.fromfile(config).to_dict(), sort_keys=True, default=repr)
        parts = (stated, self.options, os.environ.get('MMWSOL_DATA_ROOT'), __version__)
        self.folder = work_dir / 'selection' / hashlib.sha256(repr(parts).encode()).hexdigest()[:10]

    def rows(self, validated: Validated, protocols: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Rows by protocol; those that validation has no threshold for are an error of the test."""
        file = self.folder / f'{validated.path.stem}.json'
        kept = json.loads(file.read_text()) if file.exists() else {}
        if kept.get('sha256') != file_digest(validated.path):
            kept = dict(sha256=file_digest(validated.path), rows={})
        new = [protocol for protocol in protocols if protocol not in kept['rows']]
        if new:
            result = self.folder / f'{validated.path.stem}_test.json'
            arguments = [
                str(self.config),
                str(validated.path),
                '--work-dir',
                str(self.folder),
                '--out',
                str(result),
            ]
            arguments += [part for protocol in new for part in ('--protocol', protocol)]
            arguments += ['--cfg-options', 'log_level=WARNING', *self.options]
            test.main(arguments)
            rows = find_result(result).localization.get('rows', ())
            if len(rows) != len(new) or any('threshold' not in row for row in rows):
                raise ValueError(
                    f'the test of {validated.path} gave {len(rows)} rows of localization for {len(new)} protocols; '
                    'test_evaluator needs a LocalizationMetric, and the test split boxes'
                )
            kept['rows'] |= dict(zip(new, rows))
            AtomicBackend().put_text(json.dumps(kept, indent=1) + '\n', file)
        return {protocol: kept['rows'][protocol] for protocol in protocols}


def compare_choices(
    validated: Sequence[Validated], choices: Sequence[Choice], results: TestResults
) -> list[dict[str, Any]]:
    """A row for each choice: ``checkpoint_by``, ``threshold_by``, ``file``, ``epoch``, the test row's numbers."""
    wanted: dict[str, list[str]] = {}
    chosen: dict[Choice, Validated] = {}
    for choice in choices:
        if choice.checkpoint == 'test':
            continue
        metric = CRITERIA.get(choice.checkpoint)
        chosen[choice] = choose(validated, metric) if metric else validated[-1]
        wanted.setdefault(chosen[choice].path.name, []).append(choice.protocol)
    for choice in choices:
        if choice.checkpoint == 'test':
            for v in validated:
                wanted.setdefault(v.path.name, []).extend([choice.protocol, PROTOCOLS['test']])
    found = {
        v.path.name: results.rows(v, list(dict.fromkeys(wanted[v.path.name])))
        for v in validated
        if v.path.name in wanted
    }
    rows = []
    for choice in choices:
        if choice.checkpoint == 'test':
            chosen[choice] = max(validated, key=lambda v: found[v.path.name][PROTOCOLS['test']]['IoU'])
        best = chosen[choice]
        tested = found[best.path.name][choice.protocol]
        # the test may find the images of the choice among its own
        split = tested.get('threshold_from', best.selection)['split']
        rows.append(
            dict(
                checkpoint_by=_marked(choice.checkpoint, split),
                threshold_by=_marked(choice.threshold, split),
                file=best.path.name,
                epoch=best.selection['epoch'],
                threshold=tested['threshold'],
                **{name: tested[name] for name in NUMBERS if name in tested},
            )
        )
    return rows


def _marked(by: str, split: str | None) -> str:
    """A choice with the split that made it, and a mark if that is test data."""
    if by not in CRITERIA:
        return f'{by} {ORACLE_MARK}' if by == 'test' else by
    return f'{by} on {split}' + (f' {ORACLE_MARK}' if is_test_split(split) else '')


def format_choices(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a Markdown table; a cost is the difference to the first row."""
    names = [name for name in NUMBERS if name in rows[0]]
    head = ['checkpoint by', 'threshold by', 'epoch', 'threshold', *names]
    head += [f'cost in {name}' for name in names]
    lines = ['| ' + ' | '.join(head) + ' |', '|---' * len(head) + '|']
    for row in rows:
        cells = [row['checkpoint_by'], row['threshold_by'], str(row['epoch']), f'{row["threshold"]:g}']
        cells += [f'{row[name]:.2f}' for name in names]
        cells += [f'{rows[0][name] - row[name]:.2f}' if row is not rows[0] else '-' for name in names]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dir', type=Path, help='of the training, with its epoch_*.pth')
    parser.add_argument(
        '--by',
        action='append',
        type=parse_choice,
        metavar='CHECKPOINT[/THRESHOLD]',
        help=f'repeatable; costs are differences to the first; default {", ".join(DEFAULT)}',
    )
    parser.add_argument(
        '--among-kept',
        action='store_true',
        help='choose among the checkpoints that are left of those validated',
    )
    parser.add_argument('--config', type=Path, help='default: the one in WORK_DIR')
    parser.add_argument('--out', type=Path, metavar='JSON', help='write the rows')
    parser.add_argument('--cfg-options', nargs='+', default=[], help='for the tests, as of tools/test.py')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> list[dict[str, Any]]:
    args = parse_arguments(argv)
    choices = args.by or [parse_choice(text) for text in DEFAULT]
    try:
        validated = read_validations(args.work_dir, args.among_kept)
        results = TestResults(args.work_dir, args.config or config_of(args.work_dir), args.cfg_options)
        rows = compare_choices(validated, choices, results)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f'select_checkpoint: {error}') from error
    print(format_choices(rows))
    newest = saved_checkpoints(args.work_dir)[0]
    if newest != validated[-1].path and any(choice.checkpoint == 'last' for choice in choices):
        print(f'last: {validated[-1].path.name}; {newest.name} is newer, but was not validated')
    if args.out:
        AtomicBackend().put_text(json.dumps(rows, indent=1) + '\n', args.out)
    return rows
