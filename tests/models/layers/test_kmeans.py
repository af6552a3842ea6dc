"""K-means against a plain restatement: one set of points, one cluster and one point at a time, float64."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmwsol.models.layers import kmeans


def published_kmeans(points: NDArray, centres: NDArray, max_iters: int = 300) -> tuple[NDArray, NDArray]:
    """Lloyd's algorithm with scikit-learn's rules for ties, empty clusters and the end."""
    shift = points.mean(0)
    points, centres = points - shift, centres - shift
    tolerance = 1e-4 * points.var(0).mean()
    previous = np.full(len(points), -1)
    for _ in range(max_iters):
        labels = nearest(points, centres)
        moved = means_of_clusters(points, centres, labels)
        step = ((moved - centres) ** 2).sum()
        centres = moved
        if (labels == previous).all():
            return centres + shift, labels
        if step <= tolerance:
            break
        previous = labels
    return centres + shift, nearest(points, centres)


def nearest(points: NDArray, centres: NDArray) -> NDArray:
    return np.array([np.argmin([((p - c) ** 2).sum() for c in centres]) for p in points])


def means_of_clusters(points: NDArray, centres: NDArray, labels: NDArray) -> NDArray:
    k = len(centres)
    sums = np.array([points[labels == j].sum(0) for j in range(k)])
    counts = np.array([(labels == j).sum() for j in range(k)])
    empty = [j for j in range(k) if counts[j] == 0]
    distances = np.array([((p - centres[j]) ** 2).sum() for p, j in zip(points, labels)])
    if distances.max() > 0:
        for cluster, far in zip(empty, np.argsort(-distances)):
            old = labels[far]
            sums[old], counts[old] = sums[old] - points[far], counts[old] - 1
            sums[cluster], counts[cluster] = points[far], 1
    return np.array([sums[j] / counts[j] if counts[j] else centres[j] for j in range(k)])


def draw_points(batch: int = 5, points: int = 60, seed: int = 0) -> Tensor:
    """Three blobs each, of different spread."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(batch, points, 4, generator=generator, dtype=torch.float64)
    kinds = torch.randint(3, (batch, points, 1), generator=generator)
    return noise * (0.3 + 0.2 * kinds) + 1.5 * kinds


@pytest.mark.parametrize('start', ['points', 'two equal', 'two far away', 'all equal'])
def test_centres_and_labels_equal_the_plain_restatement(start: str) -> None:
    points = draw_points()
    centres = points[:, :3].clone()
    if start == 'two equal':
        centres[:, 2] = centres[:, 1]
    if start == 'two far away':
        centres[:, 1:] += 1e3
    if start == 'all equal':
        centres[:] = 0.0
    result = kmeans(points, centres)
    for i in range(len(points)):
        expected, labels = published_kmeans(points[i].numpy(), centres[i].numpy())
        np.testing.assert_array_equal(result.labels[i], labels)
        np.testing.assert_allclose(result.centres[i], expected, rtol=1e-9)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('channels', [6, 10, 30, 64])
def test_of_equal_centres_the_first_gets_all_points(channels: int, dtype: torch.dtype) -> None:
    points = torch.randn(20, 40, channels, generator=torch.Generator().manual_seed(2)).to(dtype)
    twin = points.mean(1) + 0.1
    centres = torch.stack([torch.full_like(twin, -1), twin, twin], 1)
    result = kmeans(points, centres)
    for i in range(len(points)):
        expected, labels = published_kmeans(points[i].double().numpy(), centres[i].double().numpy())
        np.testing.assert_array_equal(result.labels[i], labels)
        np.testing.assert_allclose(result.centres[i], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('max_iters', [1, 2, 3])
def test_an_early_end_assigns_once_more(max_iters: int) -> None:
    points = draw_points(seed=1)
    result = kmeans(points, points[:, :3], max_iters)
    for i in range(len(points)):
        expected, labels = published_kmeans(points[i].numpy(), points[i, :3].numpy(), max_iters)
        np.testing.assert_array_equal(result.labels[i], labels)
        np.testing.assert_allclose(result.centres[i], expected, rtol=1e-9)


def test_what_a_set_gets_does_not_depend_on_the_others() -> None:
    points = draw_points().float()
    centres = points[:, :3].clone()
    together = kmeans(points, centres)
    for i in range(len(points)):
        alone = kmeans(points[i : i + 1], centres[i : i + 1])
        assert torch.equal(alone.labels[0], together.labels[i])
        torch.testing.assert_close(alone.centres[0], together.centres[i], rtol=1e-6, atol=1e-6)


def test_equal_distances_go_to_the_lowest_cluster() -> None:
    points = torch.tensor([[[-1.0], [0.0], [1.0]]])
    assert kmeans(points, torch.tensor([[[-1.0], [1.0]]]), max_iters=1).labels.tolist() == [[0, 0, 1]]


def test_empty_cluster_moves_to_the_farthest_point() -> None:
    points = torch.tensor([[[0.0], [1.0], [10.0], [11.0], [30.0]]])
    result = kmeans(points, torch.tensor([[[0.0], [10.0], [10.0]]]))
    assert result.labels.tolist() == [[0, 0, 1, 1, 2]]
    assert result.centres.flatten().tolist() == pytest.approx([0.5, 10.5, 30.0])


def test_equal_points_stay_in_one_cluster_without_nan() -> None:
    result = kmeans(torch.zeros(1, 6, 2), torch.zeros(1, 3, 2))
    assert result.labels.tolist() == [[0] * 6] and result.centres.isfinite().all()


def test_on_a_gpu_the_host_reads_as_often_for_many_sets_as_for_one(
    host_reads: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[kmeans.__module__], 'waits_for_reads', lambda tensor: True)
    points = draw_points(batch=1)
    counts = []
    for copies in (1, 24):
        with host_reads() as reads:
            kmeans(points.expand(copies, -1, -1), points[:, [0, 1, 1]].expand(copies, -1, -1))
        counts.append(reads.count)
    assert 2 <= counts[0] == counts[1] <= 6


def test_the_count_of_reads_sees_items_masks_and_comparisons(host_reads: Callable) -> None:
    x = torch.arange(4.0)
    with host_reads() as reads:
        assert x[1] and x[x > 1].sum().item() == 5 and torch.equal(x, x) and len(x.nonzero()) == 3
    assert reads.count == 5
