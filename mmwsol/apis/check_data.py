"""Check a data set on disk: ``check.py DATASET``, exit code 0 without faults, 1 with faults, 2 for wrong usage."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

from mmengine.registry import init_default_scope

from mmwsol.datasets import resolve_data_path
from mmwsol.datasets.catalog import CATALOG, published_size
from mmwsol.datasets.checks import (
    FAULT_KINDS,
    PublishedSize,
    SplitSource,
    check_splits,
    format_report,
)
from mmwsol.datasets.checks.image_facts import default_workers
from mmwsol.datasets.wsol_metadata import is_metadata
from mmwsol.engine.atomic_backend import AtomicBackend

from .data_root_option import add_data_root_option
from .run_config import find_config, read_config

SPLIT_FOLDERS = ('train', 'val', 'test')


def find_splits(dataset: str) -> tuple[str, list[SplitSource]]:
    """Title and splits of a name of the catalog, a config with data loaders, or a folder.

    Raises:
        ValueError: it is none of these, or a folder in none of the known layouts.
    """
    if dataset.lower() in CATALOG:
        entry = CATALOG[dataset.lower()]
        alone = len(entry.splits) == 1
        return entry.title, [s for s in entry.splits if alone or s.needs is None or _is_there(s.needs)]
    if dataset.endswith('.py'):
        return dataset, splits_of_config(find_config(dataset))
    for folder in (dataset, resolve_data_path(dataset)):
        if os.path.isdir(folder):
            return folder, splits_of_folder(os.path.abspath(folder))
    raise ValueError(
        f'{dataset} is neither a known data set ({", ".join(CATALOG)}) nor a config (.py) nor a folder, here or '
        f'below MMWSOL_DATA_ROOT'
    )


def splits_of_config(path: str) -> list[SplitSource]:
    """The data sets of a config's loaders; one that two loaders share is checked once.

    Raises:
        ValueError: a loader has no data set that can be checked; names the loader.
    """
    config = read_config(path)
    init_default_scope(config.get('default_scope', 'mmwsol'))
    splits: list[SplitSource] = []
    for name in SPLIT_FOLDERS:
        dataset = (config.get(f'{name}_dataloader') or {}).get('dataset')
        while isinstance(dataset, Mapping) and isinstance(dataset.get('dataset'), Mapping):
            dataset = dataset['dataset']  # RepeatDataset, ClassBalancedDataset
        if dataset is None:
            continue
        plain = {key: value for key, value in dict(dataset).items() if key != 'pipeline'}
        if all(split.dataset != plain for split in splits):
            try:
                splits.append(_source(name, plain))
            except ValueError as error:
                raise ValueError(f'{path}: {name}_dataloader.dataset: {error}') from error
    if not splits:
        raise ValueError(f'{path} has no train_dataloader, val_dataloader or test_dataloader with a dataset')
    return splits


def splits_of_folder(folder: str) -> list[SplitSource]:
    """Splits of a folder in CUB's layout, wsolevaluation's metadata layout, or with one folder a class.

    The last two may have the folders train, val and test above them.
    """
    if os.path.isfile(os.path.join(folder, 'train_test_split.txt')):
        return [_source(name, dict(type='CUB', data_root=folder, split=name)) for name in ('train', 'test')]
    named = [name for name in SPLIT_FOLDERS if os.path.isdir(os.path.join(folder, name))]
    if is_metadata(folder) or not named:
        return [_source('all', _folder_dataset(folder))]
    return [_source(name, _folder_dataset(os.path.join(folder, name))) for name in named]


def _source(name: str, dataset: dict[str, Any]) -> SplitSource:
    return SplitSource(name, dataset, name == 'train', published_size(dataset))


def _folder_dataset(folder: str) -> dict[str, Any]:
    if is_metadata(folder):
        return dict(type='WSOLMetadata', ann_dir=folder)
    if any(item.is_dir() and not item.name.startswith('.') for item in os.scandir(folder)):
        return dict(type='ImageFolder', data_root=folder)
    raise ValueError(
        f"{folder}: neither CUB's files (train_test_split.txt) nor wsolevaluation's (image_ids.txt) nor a folder a class"
    )


def _is_there(path: str) -> bool:
    return os.path.exists(resolve_data_path(path))


def choose_published(
    splits: Sequence[SplitSource], name: str | None, expected: Mapping[str, int]
) -> list[SplitSource]:
    """Splits with the published sizes of the catalog's data set ``name``, and with ``expected`` images instead.

    A single split named ``all`` stands for the catalog's test split, or for its only one.

    Raises:
        ValueError: the catalog has no such data set, or it has none of the splits; or a split of ``expected`` is not there.
    """
    if name is not None and name.lower() not in CATALOG:
        raise ValueError(f'--published {name}: known data sets are {", ".join(CATALOG)}')
    published = {split.name: split.published for split in CATALOG[name.lower()].splits} if name else {}
    if published:
        known = ', '.join(published)
        published['all'] = published.get('test') or (
            next(iter(published.values())) if len(published) == 1 else None
        )
        if not any(published.get(split.name) for split in splits):
            raise ValueError(
                f'--published {name}: it has the splits {known}, none of which is among '
                f'{", ".join(split.name for split in splits)}; name the folders so, or use --expect'
            )
    if strangers := sorted(set(expected) - {split.name for split in splits}):
        raise ValueError(
            f'--expect {strangers[0]}: the splits are {", ".join(split.name for split in splits)}'
        )
    chosen = []
    for split in splits:
        size = published.get(split.name) or split.published
        if split.name in expected:
            size = PublishedSize(expected[split.name])
        chosen.append(replace(split, published=size))
    return chosen


def _at_least(minimum: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdigit() or int(text) < minimum:
            raise argparse.ArgumentTypeError(f'must be a whole number from {minimum} on, got {text!r}')
        return int(text)

    return number


def _expected(text: str) -> tuple[str, int]:
    split, _, count = text.partition('=')
    if not split or not count.isdigit():
        raise argparse.ArgumentTypeError(f'must be SPLIT=IMAGES such as train=690, got {text!r}')
    return split, int(count)


def build_parser() -> argparse.ArgumentParser:
    kinds = '\n'.join(f'  {kind:<16} {text}' for kind, text in FAULT_KINDS.items())
    parser = argparse.ArgumentParser(
        prog='check.py',
        description=__doc__,
        epilog=f'kinds of faults:\n{kinds}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'dataset',
        help=f"one of {', '.join(CATALOG)}; or a config with data loaders; or a folder in CUB's layout, in "
        "wsolevaluation's, or with a folder a class, the last two also below train, val and test",
    )
    add_data_root_option(parser)
    parser.add_argument('--published', metavar='NAME', help='compare with the sizes of this data set')
    parser.add_argument(
        '--expect',
        nargs='+',
        type=_expected,
        default=[],
        metavar='SPLIT=IMAGES',
        help='images that a split must have, in place of the published number',
    )
    parser.add_argument(
        '--ignore',
        nargs='+',
        default=[],
        choices=list(FAULT_KINDS),
        metavar='KIND',
        help='kinds of faults that do not count, for example split_size',
    )
    parser.add_argument('--no-near', action='store_true', help='do not look for near-duplicates')
    parser.add_argument(
        '--json', metavar='FILE', help="write everything found as JSON; '-' prints it instead"
    )
    parser.add_argument(
        '--limit', type=_at_least(0), default=10, help='faults of each kind that the text lists'
    )
    parser.add_argument(
        '--workers', type=_at_least(1), default=default_workers(), help='threads (default: all cores)'
    )
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    with redirect_stdout(sys.stderr):  # readers log
        try:
            title, splits = find_splits(args.dataset)
            splits = choose_published(splits, args.published, dict(args.expect))
        except (ValueError, FileNotFoundError, ImportError) as error:
            parser.error(str(error))
        result = check_splits(title, splits, args.ignore, not args.no_near, args.workers, args.quiet)
    text = json.dumps(result.to_dict(), indent=2)
    if args.json and args.json != '-':
        AtomicBackend().put_text(text + '\n', args.json)
    print(text if args.json == '-' else format_report(result, args.limit))
    return int(bool(result.faults))
