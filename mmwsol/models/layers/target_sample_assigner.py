from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather, is_distributed
from torch import Tensor, nn

from mmwsol.registry import MODELS

from .kmeans import Clusters, kmeans
from .precision import at_least_float32, without_autocast

# clusters: of no class; like the image's mean feature; the class anchor's
UNIVERSUM, SOURCE, TARGET = 0, 1, 2
CENTROID_OF_ANCHOR = {'released': SOURCE, 'paper': TARGET}


class TargetSamples(NamedTuple):
    """Letters: N images, n samples of each, C channels. ``source`` and ``target`` carry gradients.

    ``source``, ``target`` (N, n, C); ``accepted`` (N,) bool, false where an image had too few pixels of one kind and its
    samples mean nothing; ``groups`` (N, h, w) the cluster of each pixel; ``starts``, ``centres`` (N, 3, C) before and
    after clustering.
    """

    source: Tensor
    target: Tensor
    accepted: Tensor
    groups: Tensor
    starts: Tensor
    centres: Tensor


@MODELS.register_module()
class TargetSampleAssigner(nn.Module):
    """Splits the pixels of each image into three groups and samples source and target of a domain adaptation (DA-WSOL).

    The features of an image's pixels are clustered from three centres: the universum anchor, the image's mean feature and
    the anchor of its class. Anchors are the running means of what images before it found, so each image sees the
    ones before it in the batch. They are buffers in float64 (a mean over millions of images): checkpoints hold them.

    The order makes one image wait for another. On the CPU the images are clustered one by one. On a GPU all are
    clustered at once with guessed anchors, and again with the anchors that follow, until none changes: the image i
    is right after i + 1 rounds, most batches after two or three, and the result is the same. One comparison a round
    and a look at the progress every few iterations are the only waits of the host.

    In distributed training each process clusters its own images in this way; behind a step all processes have seen the
    images of all (equal batches are assumed).

    Args:
        in_channels: C.
        num_samples: n. An image is accepted if n pixels are like the class anchor and n - 1 like the image.
        anchor_update: ``released`` feeds the class anchor with the centre that grew from the image's mean feature, as
            the code does that gave the published numbers; ``paper`` with the one that grew from the class anchor.
        universum: ``anchored``, as released: the group that grew from the universum anchor. The first few images make that
            anchor, and if one of them has no pixel near it, an object becomes the universum and stays it. ``weakest``: the
            group whose centre has the smallest norm; the group in whose place it was takes its own.
        together: cluster all images at once; ``None``: on a GPU.
    """

    class_anchors: Tensor
    class_counts: Tensor
    universum_anchor: Tensor
    universum_count: Tensor

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        num_samples: int = 32,
        anchor_update: str = 'released',
        universum: str = 'anchored',
        together: bool | None = None,
    ) -> None:
        super().__init__()
        if anchor_update not in CENTROID_OF_ANCHOR:
            raise ValueError(f"anchor_update must be 'released' or 'paper', got {anchor_update!r}")
        if universum not in ('anchored', 'weakest'):
            raise ValueError(f"universum must be 'anchored' or 'weakest', got {universum!r}")
        if num_samples < 2:
            raise ValueError(f'num_samples must be at least 2, got {num_samples}')
        self.num_samples = num_samples
        self.feeding = [UNIVERSUM, CENTROID_OF_ANCHOR[anchor_update]]
        self.cluster = kmeans if universum == 'anchored' else kmeans_weakest_first
        self.together = together
        self.register_buffer('class_anchors', torch.zeros(num_classes, in_channels, dtype=torch.float64))
        self.register_buffer('class_counts', torch.zeros(num_classes, dtype=torch.int64))
        self.register_buffer('universum_anchor', torch.zeros(in_channels, dtype=torch.float64))
        self.register_buffer('universum_count', torch.zeros((), dtype=torch.int64))

    def forward(self, features: Tensor, labels: Tensor, keys: Tensor | None = None) -> TargetSamples:
        """Cluster, move the anchors (in training mode) and sample.

        Args:
            features: (N, C, h, w).
            labels: (N,) int64.
            keys: (2, N, h * w) floats that say which pixels are drawn, of the target and of the source: those with the
                smallest, in rising order. Random if not given.
        """
        pixels = features.flatten(2).mT  # (N, P, C)
        images = at_least_float32(pixels).sum(1) / pixels.shape[1]  # (N, C)
        with torch.no_grad(), without_autocast(features):
            fixed = at_least_float32(pixels.detach())
            together = features.is_cuda if self.together is None else self.together
            cluster = self.cluster_together if together else self.cluster_in_order
            starts, clusters = cluster(fixed, images.detach(), labels)
            if self.training:
                self.move_anchors(images.detach(), labels, self.feed(clusters))
        groups = clusters.labels
        drawn = self.sample(pixels, images, groups, keys)
        return TargetSamples(*drawn, groups.unflatten(1, features.shape[2:]), starts, clusters.centres)

    def cluster_in_order(self, pixels: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, Clusters]:
        """One image after the other: centres to start from (N, 3, C) and the clusters."""
        found = images.new_zeros(len(images), 2, images.shape[1], dtype=torch.float64)
        all_starts, results = [], []
        for i in range(len(images)):
            starts = self.starts(images, labels, found, slice(i, i + 1))
            results.append(self.cluster(pixels[i : i + 1], starts))
            all_starts.append(starts)
            found[i] = self.feed(results[-1])[0]
        centres, groups = (torch.cat(parts) for parts in zip(*results))
        return torch.cat(all_starts), Clusters(centres, groups)

    def cluster_together(self, pixels: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, Clusters]:
        """The same, all images at once until they agree with each other."""
        found = torch.stack([self.universum_anchor.expand_as(images), images.double()], 1)  # a guess
        for _ in range(len(images) + 1):
            starts = self.starts(images, labels, found)
            clusters = self.cluster(pixels, starts)
            guess, found = found, self.feed(clusters)
            if torch.equal(guess, found):
                break
        return starts, clusters

    def feed(self, clusters: Clusters) -> Tensor:
        """What an image adds to the universum anchor and to its class's: (N, 2, C) float64."""
        return clusters.centres[:, self.feeding].double()

    def starts(self, images: Tensor, labels: Tensor, found: Tensor, rows: slice = slice(None)) -> Tensor:
        """Centres to start from of the images ``rows``, after the images before them ``found`` theirs: (R, 3, C)."""
        order = torch.arange(len(labels), device=labels.device)
        before = order < order[rows, None]  # (R, N)
        classes, _ = self.class_means(images, labels, found, before, rows)
        universum, _ = self.universum_means(found, before)
        return torch.stack([universum, images[rows].double(), classes], 1)

    def class_means(
        self, images: Tensor, labels: Tensor, found: Tensor, seen: Tensor, rows: slice = slice(None)
    ) -> tuple[Tensor, Tensor]:
        """Anchors (R, C) of the classes of images ``rows`` after those ``seen`` (R, N), and visits (R,).

        A class starts with the mean feature of its first image, which counts as a visit.
        """
        own = labels[rows]
        same = own[:, None] == labels  # (R, N)
        first = images[same.int().argmax(1)].double()
        visits = self.class_counts[own]
        anchors = torch.where((visits == 0)[:, None], first, self.class_anchors[own])
        visits = visits.clamp(min=1)
        added = same & seen
        total = visits + added.sum(1)
        means = (anchors * visits[:, None] + added.double() @ found[:, 1]) / total[:, None]
        return means, total

    def universum_means(self, found: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Universum anchors (R, C) after the images ``seen`` (R, N), and visits (R,)."""
        total = self.universum_count + seen.sum(1)
        sums = self.universum_anchor * self.universum_count + seen.double() @ found[:, 0]
        return sums / total.clamp(min=1)[:, None], total

    def move_anchors(self, images: Tensor, labels: Tensor, found: Tensor) -> None:
        """Add what the images of this step, of all processes, have ``found``.

        After an overflow (mixed precision, which skips such a step) nothing is added.
        """
        if is_distributed():
            images, labels, found = (torch.cat(all_gather(part)) for part in (images, labels, found))
        seen = torch.ones(len(labels), len(labels), dtype=torch.bool, device=labels.device)
        anchors, visits = self.class_means(images, labels, found, seen)
        universum, count = self.universum_means(found, seen[:1])
        finite = images.isfinite().all() & found.isfinite().all()
        self.class_anchors[labels] = torch.where(finite, anchors, self.class_anchors[labels])
        self.class_counts[labels] = torch.where(finite, visits, self.class_counts[labels])
        self.universum_anchor.copy_(torch.where(finite, universum[0], self.universum_anchor))
        self.universum_count.copy_(torch.where(finite, count[0], self.universum_count))

    def sample(
        self, pixels: Tensor, images: Tensor, groups: Tensor, keys: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Source (the image's mean feature first) and target samples, and which images are accepted."""
        if keys is None:
            keys = torch.rand(2, *groups.shape, device=groups.device)
        n = self.num_samples
        target, enough = draw(groups == TARGET, keys[0], n)
        alike, enough_alike = draw(groups == SOURCE, keys[1], n - 1)
        order = torch.cat([alike, target], 1)
        drawn = pixels.gather(1, order[..., None].expand(-1, -1, pixels.shape[2]))  # (N, 2n - 1, C)
        sources, targets = at_least_float32(drawn).split((n - 1, n), 1)
        return torch.cat([images[:, None], sources], 1), targets, enough & enough_alike


def draw(members: Tensor, keys: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Which ``count`` members (N, P) of each image have the smallest keys, (N, count), and whether there are so many."""
    order = keys.masked_fill(~members, torch.inf).argsort(1)[:, :count]
    order = F.pad(order, (0, count - order.shape[1]))  # a map of fewer pixels is never accepted
    return order, members.sum(1) >= count


def kmeans_weakest_first(pixels: Tensor, starts: Tensor) -> Clusters:
    """``kmeans``, then the cluster whose centre has the smallest norm changes places with the first."""
    clusters = kmeans(pixels, starts)
    k = starts.shape[1]
    places = torch.arange(k, device=pixels.device).expand(len(pixels), k)  # of each cluster, its new one
    weakest = clusters.centres.norm(dim=2).argmin(1, keepdim=True)  # (N, 1)
    places = torch.where(places == weakest, 0, torch.where(places == 0, weakest, places))
    centres = clusters.centres.gather(1, places[..., None].expand_as(clusters.centres))  # its own inverse
    return Clusters(centres, places.gather(1, clusters.labels))
