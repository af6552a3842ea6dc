"""Fetch, check and unpack a data set into the layout that its reader expects below MMWSOL_DATA_ROOT.

What a licence does not let a program fetch must be fetched by hand: the command says what, from where, and where to put
it. Run it again afterwards; it continues where it stopped. Exit code 0 when all is in place, 1 when not, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from tqdm import tqdm

from mmwsol.datasets import resolve_data_path
from mmwsol.datasets.preparation import ArchiveError, ChecksumError
from mmwsol.datasets.preparation.download import Progress
from mmwsol.datasets.preparation.prepare import prepare
from mmwsol.datasets.preparation.recipes import RECIPES

from .data_root_option import add_data_root_option


def build_parser() -> argparse.ArgumentParser:
    sets = '\n'.join(f'  {name:<12} {recipe.title}' for name, recipe in RECIPES.items())
    parser = argparse.ArgumentParser(
        prog='prepare.py',
        description=__doc__,
        epilog=f'data sets:\n{sets}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('dataset', choices=list(RECIPES))
    add_data_root_option(parser)
    parser.add_argument('--archives', help='folder of the archives (default archives/ in the data root)')
    parser.add_argument('--only', nargs='+', default=[], metavar='FILE', help='only these archives')
    parser.add_argument(
        '--url', nargs='+', type=_mirror, default=[], metavar='FILE=URL', help='fetch archives from elsewhere'
    )
    parser.add_argument('--no-download', action='store_true', help='use archives that are there only')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    recipe, root = RECIPES[args.dataset], resolve_data_path('')
    names = [archive.name for archive in recipe.archives]
    if strangers := sorted({*args.only, *dict(args.url)} - set(names)):
        parser.error(f'{args.dataset} has no archive {strangers[0]}; it has {", ".join(names)}')
    print(f'{recipe.title}: {recipe.terms}')
    try:
        prepare(
            recipe,
            root,
            args.archives or os.path.join(root, 'archives'),
            args.only,
            dict(args.url),
            not args.no_download,
            progress=None if args.quiet else _bar,
        )
    except (ArchiveError, ChecksumError, OSError) as error:
        print(error)
        return 1
    print(f'in place; check it with: python tools/data_preparation/check.py {args.dataset}')
    return 0


def _mirror(text: str) -> tuple[str, str]:
    name, _, url = text.partition('=')
    if not name or not url:
        raise argparse.ArgumentTypeError(f'must be FILE=URL, got {text!r}')
    return name, url


def _bar(name: str) -> Progress:
    bar = tqdm(desc=name, unit='B', unit_scale=True)

    def update(done: int, total: int | None) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return update
