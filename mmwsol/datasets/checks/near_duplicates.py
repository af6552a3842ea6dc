"""Pairs of files that show the same picture: close perceptual hashes, confirmed by their thumbnails."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

from .image_facts import in_parallel, thumbnail

# Among the 529,935 pairs of 1,030 CUB photographs, nine have a distance up to 8. Two of these show the same scene
# (correlations .995 and .954); the next correlation at a distance up to 10 is below .88.
MAX_DISTANCE = 10
MIN_CORRELATION = 0.95
ROWS = 1 << 14  # of the first side, searched at once by one thread


def near_duplicates(
    first: Mapping[str, int],
    second: Mapping[str, int],
    max_distance: int = MAX_DISTANCE,
    min_correlation: float = MIN_CORRELATION,
    workers: int = 1,
) -> list[tuple[str, str, float]]:
    """Pairs (path of ``first``, path of ``second``, correlation of their thumbnails), given hashes by path.

    Exact: each hash is compared with each. Flat pictures have no correlation and are never near each other.
    """
    a, b = list(first), list(second)
    found = close_pairs(_array(first), _array(second), max_distance, workers)
    pairs = [(a[i], b[j]) for i, j in found]
    thumbs = in_parallel(thumbnail, [path for pair in pairs for path in pair], workers)
    scored = [(x, y, float((thumbs[x] * thumbs[y]).mean())) for x, y in pairs]
    return [pair for pair in scored if pair[2] >= min_correlation]


def close_pairs(
    a: NDArray[np.uint64], b: NDArray[np.uint64], max_distance: int, workers: int = 1
) -> list[tuple[int, int]]:
    """Indices (i, j) of all hashes that differ in at most ``max_distance`` bits, ordered."""
    starts = range(0, len(a), max(1, min(ROWS, -(-len(a) // workers))))

    def search(start: int) -> list[tuple[int, int]]:
        rows, capacity = a[start : start + starts.step], 1 << 12
        while True:
            out = np.empty((capacity, 2), dtype=np.int64)
            count = int(_search(rows, b, max_distance, out))
            if count <= capacity:
                return [(start + i, j) for i, j in out[:count].tolist()]
            capacity = count

    with ThreadPoolExecutor(max(1, workers)) as pool:
        return [pair for pairs in pool.map(search, starts) for pair in pairs]


def _array(hashes: Mapping[str, int]) -> NDArray[np.uint64]:
    return np.array(list(hashes.values()), dtype=np.uint64)


@numba.njit(cache=True, nogil=True)
def _search(a: NDArray, b: NDArray, max_distance: int, out: NDArray) -> int:  # pragma: no cover
    """Writes the pairs as far as they fit into ``out`` and counts them all."""
    count = 0
    m1, m2 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
    m4, ones = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
    s1, s2, s4, s56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
    for i in range(len(a)):
        for j in range(len(b)):
            x = a[i] ^ b[j]
            x = x - ((x >> s1) & m1)
            x = (x & m2) + ((x >> s2) & m2)
            x = (x + (x >> s4)) & m4
            if np.int64((x * ones) >> s56) <= max_distance:
                if count < len(out):
                    out[count, 0], out[count, 1] = i, j
                count += 1
    return count
