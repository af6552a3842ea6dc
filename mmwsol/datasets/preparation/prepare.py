from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from .archives import from_part, unpack
from .download import ChecksumError, DownloadError, Progress, check_file, download, file_digest
from .recipes import Archive, Recipe

ARCHIVE_SUFFIXES = ('.tar', '.tgz', '.tar.gz', '.zip')
LEDGER = 'checksums.json'


class MissingArchivesError(FileNotFoundError):
    """Archives that must be fetched by hand, with what to fetch and where to put it."""


def prepare(
    recipe: Recipe,
    root: str | os.PathLike[str],
    archives: str | os.PathLike[str],
    only: Collection[str] = (),
    urls: Mapping[str, str] | None = None,
    allow_download: bool = True,
    say: Callable[[str], None] = print,
    progress: Callable[[str], Progress] | None = None,
) -> None:
    """Fetch, check and unpack a data set below ``root``; a second run does only what is missing.

    Args:
        archives: folder where archives are looked for and kept.
        only: names of archives, by default all.
        urls: other places of archives, by name; sizes and digests hold for them, too.
        progress: a callback for each download, given the name of its file.

    Raises:
        MissingArchivesError: some must be fetched by hand; the others are in place by then.
        DownloadError, ChecksumError, ArchiveError: see ``download`` and ``unpack``.
    """
    root, folder, missing = Path(root), Path(archives), []
    for archive in recipe.archives:
        if only and archive.name not in only:
            continue
        path, url = folder / archive.name, (urls or {}).get(archive.name, archive.url)
        if not path.exists():
            if url is None or not allow_download:
                missing.append(_by_hand(archive, path))
                continue
            _fetch(archive, url, path, say, progress)
        verify(archive, path, say)
        count = _place(archive, path, root)
        say(f'{archive.name}: {count} files below {root / archive.into}')
    if missing:
        raise MissingArchivesError('fetch by hand, then run this command again:\n' + '\n'.join(missing))
    if recipe.convert is not None:
        recipe.convert(root)


def verify(archive: Archive, path: Path, say: Callable[[str], None] = print) -> None:
    """``ChecksumError`` unless the file is the published one, or where nothing is published, the first one seen.

    A file that passed and has not been written since is not read again.
    """
    ledger_file = path.with_name(LEDGER)
    ledger: dict[str, Any] = json.loads(ledger_file.read_text()) if ledger_file.exists() else {}
    known, status = ledger.get(archive.name, {}), path.stat()
    state = {'size': status.st_size, 'mtime_ns': status.st_mtime_ns}
    if all(known.get(key) == value for key, value in state.items()) and known['digest'] == (
        archive.digest or known['digest']
    ):
        return
    if archive.digest is not None:
        check_file(path, archive.size, archive.digest)
        digest = archive.digest
    else:
        digest = file_digest(path)
        if known and known['digest'] != digest:
            raise ChecksumError(
                f'{path}: its checksum was {known["digest"]} before and is {digest} now; fetch it again, or remove '
                f'its entry from {ledger_file} if the new one is right'
            )
        if not known:
            say(f'{archive.name}: no published checksum, {digest} is kept in {ledger_file}')
    ledger[archive.name] = {'digest': digest, **state}
    temporary = ledger_file.with_suffix('.part')
    temporary.write_text(json.dumps(ledger, indent=1) + '\n')
    temporary.replace(ledger_file)


def _fetch(
    archive: Archive,
    url: str,
    path: Path,
    say: Callable[[str], None],
    progress: Callable[[str], Progress] | None,
) -> None:
    say(f'{archive.name}: from {url}')
    try:
        download(url, path, archive.size, archive.digest, progress=progress and progress(archive.name))
    except DownloadError as error:
        raise DownloadError(f'{error}\nOr {_by_hand(archive, path)}') from error


def _place(archive: Archive, path: Path, root: Path) -> int:
    if archive.name.endswith(ARCHIVE_SUFFIXES):
        return unpack(path, root, from_part(archive.select, archive.into), archive.nested)
    target = root / archive.into / archive.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)
    return 1


def _by_hand(archive: Archive, path: Path) -> str:
    facts = [f'{archive.size} bytes' if archive.size else '', archive.digest or '']
    known = ', '.join(fact for fact in facts if fact)
    return (
        f'fetch {archive.name} from {archive.page}'
        + (f' ({archive.reason})' if archive.reason else '')
        + f' and put it at {path}'
        + (f'; it has {known}' if known else '')
    )
