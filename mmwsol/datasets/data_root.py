"""The one folder below which all data sets lie."""

from __future__ import annotations

import os


def resolve_data_path(path: str | os.PathLike[str]) -> str:
    """``path`` below ``MMWSOL_DATA_ROOT`` (default ``data/``, read at each call); an absolute path stays."""
    root = os.environ.get('MMWSOL_DATA_ROOT') or 'data'
    return os.path.join(root, os.fspath(path))
