"""How sure a difference between two methods on the same images is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def image_mean(values: ArrayLike, groups: ArrayLike | None = None) -> float:
    """Mean of one value an image (N,), or, with the group of each image (N,), mean over the means of the groups."""
    values = np.asarray(values, np.float64)
    if groups is None:
        return float(values.mean())
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    return float((np.bincount(members, values) / np.bincount(members)).mean())


def bootstrap_interval(
    differences: ArrayLike,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval (Efron, 1979) of ``image_mean`` of paired differences (N,), one an image.

    Images are drawn with replacement, within each group if there are groups. Differences of hits take a handful of
    values, and how often each value is drawn is multinomial: so a draw costs no more than these counts,
    whatever N.

    Raises:
        ValueError: there is no image, or ``level`` is not in (0, 1).
    """
    values = np.round(np.asarray(differences, np.float64), 12)
    if not len(values) or not 0 < level < 1:
        raise ValueError(f'an interval needs images and a level in (0, 1), got {len(values)} and {level}')
    rng = np.random.default_rng(seed)
    if groups is None:
        means = _draw_means(values, draws, rng)
    else:
        keys = np.asarray(groups)
        means = np.mean([_draw_means(values[keys == key], draws, rng) for key in np.unique(keys)], axis=0)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draw_means(values: NDArray, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Means of ``draws`` samples of the size of ``values``, (draws,)."""
    distinct, counts = np.unique(values, return_counts=True)
    return rng.multinomial(len(values), counts / len(values), draws) @ distinct / len(values)
