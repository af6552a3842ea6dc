"""Unpack archives of data sets: files only, none outside the target folder, continued after a break."""

from __future__ import annotations

import errno
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

Place = Callable[[str], str | None]
Opener = Callable[[], IO[bytes]]
Source = tuple[str, int, Opener | None]  # member name, bytes, opener of a file, none of a link or a device

BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
LOCKED = RuntimeError  # what zipfile raises for a password and for an unknown compression


class ArchiveError(ValueError):
    """An archive that is damaged or holds what no data set holds."""


def unpack(
    archive: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    place: Place = lambda name: name,
    nested: bool = False,
) -> int:
    """Write the files of a tar or zip archive below ``folder``; returns how many belong there.

    A file is written under another name first, so that one with its own name is complete; those that are there
    with the right size are kept.

    Args:
        place: path below ``folder`` for a member's name, or ``None`` to leave the member out.
        nested: each member is a tar file itself, whose files go to a folder of its name (ILSVRC's training
            images). The inner archives are never written to disk.

    Raises:
        ArchiveError: the archive is damaged or encrypted, a path leads out of ``folder``, or a member that belongs there
            is a link or a device.
        OSError: the disk is full, or may not be written.
    """
    archive, folder, count = Path(archive), Path(folder), 0
    try:
        with _open(archive) as sources:
            for name, size, opener in _inner_files(sources) if nested else sources:
                target = place(_safe(name, archive))
                if target is None:
                    continue
                if opener is None:
                    raise ArchiveError(f'{archive}: {name!r} is a link or a device; only files are unpacked')
                _write(opener, size, folder / _safe(target, archive))
                count += 1
    except BROKEN as error:
        raise ArchiveError(f'{archive}: damaged ({error}); fetch it again') from error
    except LOCKED as error:
        raise ArchiveError(f'{archive}: cannot be unpacked ({error})') from error
    except OSError as error:
        # None: a decompressor's; EINVAL: a place before the file; else the disk's
        if error.errno not in (None, errno.EINVAL):
            raise
        raise ArchiveError(f'{archive}: damaged ({error}); fetch it again') from error
    if not count:
        raise ArchiveError(f'{archive}: holds none of the expected files; is it the right archive?')
    return count


def from_part(pattern: str, into: str = '') -> Place:
    """Keeps a path from its first folder or file that matches ``pattern`` on, below ``into``; others are left out.

    So it does not matter how many folders an archive was packed under. A pattern with ``/`` matches so many of them. What
    macOS adds to archives is left out.
    """
    wanted = re.compile(f'(?:{pattern})(?:/|$)')

    def place(name: str) -> str | None:
        parts = PurePosixPath(name).parts
        if '__MACOSX' in parts or parts[-1].startswith('._') or parts[-1] == '.DS_Store':
            return None
        for i in range(len(parts)):
            if wanted.match('/'.join(parts[i:])):
                return str(PurePosixPath(into, *parts[i:]))
        return None

    return place


@contextmanager
def _open(archive: Path) -> Iterator[Iterator[Source]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield _zip_files(zipped)
    else:
        with tarfile.open(archive, tarinfo=_Member) as tar:
            yield _tar_files(tar)


class _Member(tarfile.TarInfo):
    """A member whose damaged or missing header is an error; tarfile takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _Member:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the zeros at the end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f'{error} at byte {tarfile_.offset}') from error


def _tar_files(tar: tarfile.TarFile) -> Iterator[Source]:
    for member in tar:
        if member.isreg():
            yield member.name, member.size, lambda member=member: tar.extractfile(member)  # type: ignore[misc]
        elif not member.isdir():
            yield member.name, 0, None
        tar.members = []  # type: ignore[attr-defined]  # or a million of them stay in memory
    while tar.fileobj.read(1 << 20):  # type: ignore[union-attr]  # the checksum of a compressed stream is at its end
        pass


def _zip_files(zipped: zipfile.ZipFile) -> Iterator[Source]:
    for info in zipped.infolist():
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            yield info.filename, 0, None
        elif not info.is_dir():
            yield info.filename, info.file_size, lambda info=info: zipped.open(info)  # type: ignore[misc]


def _inner_files(sources: Iterator[Source]) -> Iterator[Source]:
    for name, size, opener in sources:
        if opener is None:
            yield name, size, None
            continue
        outer = PurePosixPath(name).with_suffix('')
        with opener() as stream, tarfile.open(fileobj=stream, tarinfo=_Member) as tar:
            for inner, inner_size, inner_opener in _tar_files(tar):
                yield str(outer / inner), inner_size, inner_opener


def _safe(name: str, archive: Path) -> str:
    """``name`` if it stays below the folder it is joined to, on any system."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    leads_out = posix.is_absolute() or windows.anchor or '..' in posix.parts or '..' in windows.parts
    if leads_out or not posix.parts or '\0' in name:
        raise ArchiveError(f'{archive}: {name!r} leads out of the folder; only paths below it are unpacked')
    return str(posix)


def _write(opener: Opener, size: int, target: Path) -> None:
    if target.is_file() and target.stat().st_size == size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f'.{target.name}.part')
    try:
        with opener() as source, open(temporary, 'wb') as file:
            shutil.copyfileobj(source, file, 1 << 20)
        if (written := temporary.stat().st_size) != size:
            raise EOFError(f'{target.name} ends after {written} of {size} bytes')
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
