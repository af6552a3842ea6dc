from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from mmwsol.engine.atomic_backend import AtomicBackend
from mmwsol.file_digest import file_digest

from .archives import ArchiveError, from_part, unpack
from .download import ChecksumError, DownloadError, Progress, check_file, download
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
        OSError: a file cannot be written.
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
        digest = verify(archive, path)
        count = _place(archive, path, root)
        _remember(archive, path, digest, say)
        say(f'{archive.name}: {count} files below {root / archive.into}')
    if missing:
        raise MissingArchivesError('fetch by hand, then run this command again:\n' + '\n'.join(missing))
    if recipe.convert is not None and (lacking := recipe.convert(root)):
        if not only:
            raise ArchiveError(f'{recipe.title}: {lacking}')
        say(f'{lacking}; prepare the other archives, too')


def verify(archive: Archive, path: Path) -> str | None:
    """The digest of the file; ``None`` if it need not be kept.

    A file that passed and has not been written since is not read again.

    Raises:
        ChecksumError: it is not the published one, or where nothing is published, the first one that was unpacked.
    """
    known = _ledger(path).get(archive.name, {})
    if archive.digest is None and archive.made_on_request:
        return None
    if {**known, **_state(path)} == known and archive.digest in (None, known['digest']):
        return None
    if archive.digest is not None:
        check_file(path, archive.size, archive.digest)
        return archive.digest
    digest = f'sha256:{file_digest(path)}'
    if known and known['digest'] != digest:
        raise ChecksumError(
            f'{path}: its checksum was {known["digest"]} before and is {digest} now; fetch it again, or remove '
            f'its entry from {path.with_name(LEDGER)} if the new one is right'
        )
    return digest


def _remember(archive: Archive, path: Path, digest: str | None, say: Callable[[str], None]) -> None:
    """Keep the digest of a file that is in place, beside it; where nothing may be written there, none is kept."""
    if digest is None:
        return
    ledger, ledger_file = _ledger(path), path.with_name(LEDGER)
    is_new = archive.name not in ledger
    ledger[archive.name] = {'digest': digest, **_state(path)}
    try:
        AtomicBackend().put_text(json.dumps(ledger, indent=1) + '\n', ledger_file)
    except OSError as error:
        say(f'{archive.name}: its checksum is not kept ({error})')
    else:
        if is_new and archive.digest is None:
            say(f'{archive.name}: no published checksum, {digest} is kept in {ledger_file}')


def _ledger(path: Path) -> dict[str, Any]:
    """What is known of the archives beside ``path``: digest, size and time of change by name."""
    ledger_file = path.with_name(LEDGER)
    if not ledger_file.exists():
        return {}
    try:
        ledger = json.loads(ledger_file.read_text())
        return {name: dict(entry, digest=entry['digest']) for name, entry in ledger.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ChecksumError(f'{ledger_file}: not a list of checksums ({error!r}); remove it') from error


def _state(path: Path) -> dict[str, int]:
    status = path.stat()
    return {'size': status.st_size, 'mtime_ns': status.st_mtime_ns}


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
