"""How sure a difference between two methods on the same images is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

CHUNK = 4_000_000  # images drawn at a time


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

    Images are drawn with replacement, within each group if there are groups.

    Raises:
        ValueError: there is no image, or ``level`` is not in (0, 1).
    """
    values = np.round(np.asarray(differences, np.float64), 12)
    if not len(values) or not 0 < level < 1:
        raise ValueError(f'an interval needs images and a level in (0, 1), got {len(values)} and {level}')
    rng = np.random.default_rng(seed)
    means = _draw_means(values, draws, rng) if groups is None else _draw_grouped(values, groups, draws, rng)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _draw_means(values: NDArray, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Means of samples of the size of ``values``, (draws,).

    Differences of hits take a handful of values, and how often each is drawn is multinomial, which costs the
    same whatever N is.
    """
    distinct, counts = np.unique(values, return_counts=True)
    return rng.multinomial(len(values), counts / len(values), draws) @ distinct / len(values)


def _draw_grouped(
    values: NDArray, groups: ArrayLike, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Means over the groups' means of samples drawn within each group, (draws,)."""
    _, members, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    order = np.argsort(members, kind='stable')
    size = np.repeat(counts, counts)  # (N,) of each image's group, in the order of groups
    first = np.repeat(np.cumsum(counts) - counts, counts)
    ordered, weights = values[order], 1.0 / (size * len(counts))
    means = []
    for part in np.array_split(np.arange(draws), max(1, draws * len(values) // CHUNK)):
        drawn = first + (rng.random((len(part), len(values)), np.float32) * size).astype(np.int32)
        means.append(ordered[np.minimum(drawn, first + size - 1)] @ weights)
    return np.concatenate(means)
