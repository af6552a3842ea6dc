"""The list of a large data set on disk: read and checked once, then mapped into memory by every process.

An index file is a line of JSON, the end of each entry (int64), and the entries themselves (bytes). It remembers the
files and folders that it was made from, code among them, and is out of date as soon as one of them was written, added or
removed; its successor then takes its place.
"""

from __future__ import annotations

import inspect
import json
import mmap
import os
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

FORMAT = 1


class Index(NamedTuple):
    """Serialized entries: ``data`` (bytes,) uint8, ``ends`` (N,) int64, and what belongs to all of them."""

    data: np.ndarray
    ends: np.ndarray
    meta: dict[str, Any]


def index_folder() -> str:
    """``$MMWSOL_CACHE_DIR/index``; by default below ``~/.cache/mmwsol`` (or ``$XDG_CACHE_HOME/mmwsol``)."""
    home = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return os.path.join(os.environ.get('MMWSOL_CACHE_DIR') or os.path.join(home, 'mmwsol'), 'index')


def states(paths: Iterable[str]) -> dict[str, list[int]]:
    """Time of change (ns) and size of each path; an empty list where there is none."""
    found = {}
    for path in paths:
        try:
            status = os.stat(path)
            found[path] = [status.st_mtime_ns, status.st_size]
        except OSError:
            found[path] = []
    return found


def code_files(reader: type) -> list[str]:
    """What the reader's list depends on besides its data: the files of the class and its bases, and of this package.

    Raises:
        TypeError, OSError: the class stands in no file, but in a notebook or an interactive session.
    """
    bases = [base for base in reader.__mro__ if base.__module__ not in ('builtins', 'typing', 'abc')]
    package = os.path.dirname(__file__)
    names = [name for name in os.listdir(package) if name.endswith('.py')]
    return sorted({*map(inspect.getfile, bases), *(os.path.join(package, name) for name in names)})


def open_index(path: str) -> Index | None:
    """The index, mapped and read-only; ``None`` if there is none, or none of these sources as they are now."""
    try:
        with open(path, 'rb') as file:
            header = json.loads(file.readline())
            start = file.tell()
            if header['format'] != FORMAT or header['sources'] != states(header['sources']):
                return None
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        first = start + 8 * header['entries']
        ends = np.frombuffer(content, np.int64, header['entries'], start)
        data = np.frombuffer(content, np.uint8, header['bytes'], first)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Index(data, ends, header['meta'])


def save_index(path: str, index: Index, sources: Mapping[str, list[int]]) -> None:
    """Write beside ``path``, then rename: a reader sees a whole file or none."""
    header = dict(
        format=FORMAT, sources=sources, entries=len(index.ends), bytes=len(index.data), meta=index.meta
    )
    line = json.dumps(header).encode()
    line += b' ' * (-(len(line) + 1) % 8) + b'\n'  # the numbers after it are aligned
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f'{path}.{uuid.uuid4().hex}'
    try:
        with open(temporary, 'xb') as file:
            file.write(line)
            file.write(np.ascontiguousarray(index.ends, np.int64).data)
            file.write(np.ascontiguousarray(index.data).data)
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
