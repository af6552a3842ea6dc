"""What tells one file's content from another's."""

from __future__ import annotations

import hashlib
import os

CHUNK = 1 << 20


def file_digest(path: str | os.PathLike[str], algorithm: str = 'sha256') -> str:
    """Digest of a file's content by one of hashlib's algorithms, in hexadecimal digits."""
    state = hashlib.new(algorithm)
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            state.update(chunk)
    return state.hexdigest()
