"""Some images of each class, drawn with a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def draw_of_each_class(labels: Sequence[Sequence[int]], count: int, seed: int) -> NDArray[np.intp]:
    """Rising indices of ``count`` images of each class, or of all that it has; each class has a draw of its own.

    An image drawn for one of its classes counts for the others, too. The rarest class comes first, so a common one may get
    more than ``count``.

    Args:
        labels: the classes (from 0) that each image shows.
    """
    flat = np.array([label for of_image in labels for label in of_image], np.int64)
    owner = np.repeat(np.arange(len(labels)), [len(of_image) for of_image in labels])
    drawn = np.zeros(len(labels), bool)
    classes, sizes = np.unique(flat, return_counts=True)
    for label in classes[np.argsort(sizes, kind='stable')]:
        members = owner[flat == label]
        left = members[~drawn[members]]
        wanted = count - (len(members) - len(left))
        if 0 < wanted < len(left):
            left = np.random.default_rng([seed, int(label)]).choice(left, wanted, replace=False)
        if wanted > 0:
            drawn[left] = True
    return np.flatnonzero(drawn)
