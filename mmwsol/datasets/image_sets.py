"""Which images a data set has, whatever wraps it, and how many of them another one has too."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

from .data_root import resolve_data_path

MARK_LENGTH = 8


def image_names(dataset: Any) -> list[str]:
    """The file of every sample of a data set, or of those in MMEngine's wrappers; none where it has no ``image_paths``.

    A file below ``MMWSOL_DATA_ROOT`` is named from there, so that its name holds on another machine.
    """
    if hasattr(dataset, 'image_paths'):
        root = os.path.join(os.path.abspath(resolve_data_path('')), '')
        return [os.path.abspath(path).removeprefix(root) for path in dataset.image_paths()]
    return [name for part in _wrapped(dataset) for name in image_names(part)]


def plain_datasets(dataset: Any) -> list[Any]:
    """The data sets in MMEngine's wrappers; one without a wrapper is its own."""
    parts = _wrapped(dataset)
    return [plain for part in parts for plain in plain_datasets(part)] if parts else [dataset]


def image_marks(dataset: Any) -> str:
    """Marks of all images of a data set, 48 bits of a hash of each name in eight letters, sorted, as one text."""
    marks = {hashlib.blake2b(name.encode(), digest_size=6).digest() for name in image_names(dataset)}
    return ''.join(base64.b64encode(mark).decode() for mark in sorted(marks))


def count_shared(marks: str, others: str) -> int:
    """How many images two data sets share, by their marks."""
    one, other = (
        {text[i : i + MARK_LENGTH] for i in range(0, len(text), MARK_LENGTH)} for text in (marks, others)
    )
    return len(one & other)


def _wrapped(dataset: Any) -> list[Any]:
    """What MMEngine's ConcatDataset, RepeatDataset, ClassBalancedDataset and the like wrap."""
    return list(getattr(dataset, 'datasets', None) or filter(None, [getattr(dataset, 'dataset', None)]))
