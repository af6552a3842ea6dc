"""What tells one file's content from another's."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHUNK = 1 << 20


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    state = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            state.update(chunk)
    return state.hexdigest()
