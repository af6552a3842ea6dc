from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SYNC_EVERY = 4  # iterations between two looks at the GPU's progress


class Clusters(NamedTuple):
    """Result of ``kmeans``: ``centres`` (N, k, C) and ``labels`` (N, P) int64 in [0, k)."""

    centres: Tensor
    labels: Tensor


def kmeans(points: Tensor, centres: Tensor, max_iters: int = 300, tolerance: float = 1e-4) -> Clusters:
    """Lloyd's algorithm from given centres, for N sets of points at once, with scikit-learn's rules (``n_init=1``).

    Each set stops by itself: when its labels repeat, or when its centres moved by no more than ``tolerance`` times the mean
    variance of its features (it is then assigned once more). What one set gets does not depend on the others. Ties go to
    the lowest cluster; empty clusters move to the points that are farthest from their centres. On a GPU the host looks
    at the progress every few iterations only.

    Args:
        points: (N, P, C) float32 or float64.
        centres: (N, k, C) to start from; cast to the type of ``points``.
    """
    shift = points.mean(1, keepdim=True)  # (N, 1, C)
    points, centres = (points - shift).contiguous(), centres.to(points.dtype) - shift
    norms = torch.einsum('npc,npc->np', points, points)
    limit = tolerance * norms.mean(1) / points.shape[2]  # (N,): of the variance, as the mean is 0
    labels = points.new_full(points.shape[:2], -1, dtype=torch.int64)
    running = torch.ones_like(limit, dtype=torch.bool)
    repeated = torch.zeros_like(running)
    look_every = SYNC_EVERY if waits_for_reads(points) else 1
    for iteration in range(max_iters):
        found, scores = _assign(points, centres)
        moved = _update(points, centres, found, norms + scores)
        same = (found == labels).all(1)
        small = (moved - centres).square().sum((1, 2)) <= limit
        labels = torch.where(running[:, None], found, labels)
        centres = torch.where(running[:, None, None], moved, centres)
        repeated |= running & same
        running = running & ~(same | small)
        if iteration % look_every == look_every - 1 and not running.any():
            break
    if not repeated.all():
        labels = torch.where(repeated[:, None], labels, _assign(points, centres)[0])
    return Clusters(centres + shift, labels)


def waits_for_reads(tensor: Tensor) -> bool:
    """Whether the host waits for the device when it reads a value of this tensor."""
    return tensor.is_cuda


def _assign(points: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest centre of each point, and the squared distance to it less the point's own square: (N, P) each."""
    square = centres.square().sum(2, keepdim=True)  # (N, k, 1)
    scores = torch.baddbmm(square, centres, points.mT, alpha=-2)  # (N, k, P)
    # equal centres may score differently in the last bits: all but the first of them are out
    twins = (centres[:, :, None] == centres[:, None]).all(3).tril(-1).any(2)  # (N, k)
    scores.masked_fill_(twins[..., None], torch.inf)
    lowest = scores.min(1)
    return lowest.indices, lowest.values


def _update(points: Tensor, centres: Tensor, labels: Tensor, distances: Tensor) -> Tensor:
    """Mean of the points of each cluster, (N, k, C), after empty clusters were given one point each."""
    k = centres.shape[1]
    members = (labels[..., None] == torch.arange(k, device=labels.device)).to(points.dtype)  # (N, P, k)
    sums, counts = members.mT @ points, members.sum(1)  # (N, k, C), (N, k)
    sums, counts = _relocate(points, sums, counts, labels, distances)
    kept = (counts == 0)[..., None]
    return torch.where(kept, centres, sums / counts.clamp(min=1)[..., None])


def _relocate(
    points: Tensor, sums: Tensor, counts: Tensor, labels: Tensor, distances: Tensor
) -> tuple[Tensor, Tensor]:
    """The i-th empty cluster takes the i-th farthest point away from its cluster."""
    most = min(counts.shape[1] - 1, points.shape[1])  # one cluster at least is never empty
    empty = counts == 0  # (N, k)
    if most == 0 or (not waits_for_reads(points) and not empty.any()):
        return sums, counts
    farthest = distances.topk(most, dim=1)  # (N, most)
    empty &= (farthest.values[:, :1] > 0) & (empty.cumsum(1) <= most)
    rank = empty.cumsum(1) - 1
    taken = empty[..., None] & (rank[..., None] == torch.arange(most, device=labels.device))  # (N, k, most)
    left = (
        labels.gather(1, farthest.indices)[:, None]
        == torch.arange(len(counts[0]), device=labels.device)[:, None]
    )
    change = taken.to(sums.dtype) - (left & taken.any(1, keepdim=True)).to(sums.dtype)
    moved = points.gather(1, farthest.indices[..., None].expand(-1, -1, points.shape[2]))  # (N, most, C)
    return sums + change @ moved, counts + change.sum(2)
