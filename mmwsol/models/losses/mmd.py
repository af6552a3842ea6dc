from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmwsol.models.layers import at_least_float32, without_autocast
from mmwsol.registry import MODELS

from .accepted_mean import accepted_mean


@MODELS.register_module()
class MMDLoss(nn.Module):
    """Maximum mean discrepancy between two sets of features, with a sum of Gaussian kernels (DA-WSOL, CVPR 2022, eq. 7).

    ``k(a, b) = sum over m of exp(-|a - b|^2 / (m w))``; the bandwidth w is the mean squared distance of all pairs of
    both sets and gives no gradient.

    Args:
        estimator: ``linear`` pairs each sample with the next one of its set (the last with the first), as the authors'
            code does: n instead of n^2 distances; an estimate that depends on the order and can be negative. ``full`` is the
            biased estimate over all pairs, never negative.
        scales: the factors m.
    """

    def __init__(
        self,
        estimator: str = 'linear',
        scales: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if estimator not in ('linear', 'full'):
            raise ValueError(f"estimator must be 'linear' or 'full', got {estimator!r}")
        self.estimator = estimator
        self.scales = tuple(scales)
        self.loss_weight = loss_weight

    def forward(self, source: Tensor, target: Tensor, accepted: Tensor | None = None) -> Tensor:
        """Mean over the images: source, target (N, n, C); ``accepted`` (N,) bool leaves the others out. Float32 at least."""
        with without_autocast(source):
            discrepancies = self.discrepancy(at_least_float32(source), at_least_float32(target))
        return self.loss_weight * accepted_mean(discrepancies, accepted)

    def discrepancy(self, source: Tensor, target: Tensor) -> Tensor:
        """Of each image, (N,)."""
        if source.shape != target.shape:
            raise ValueError(
                f'source and target must have one shape (N, n, C), got {tuple(source.shape)} and {tuple(target.shape)}'
            )
        if self.estimator == 'full':
            kernel, n = self.kernel_matrix(source, target), source.shape[1]
            within = kernel[:, :n, :n] + kernel[:, n:, n:]
            return (within - kernel[:, :n, n:] - kernel[:, n:, :n]).mean((1, 2))
        width = bandwidth(source, target)
        next_source, next_target = source.roll(-1, 1), target.roll(-1, 1)
        pairs = [(source, next_source), (target, next_target), (source, next_target), (next_source, target)]
        alike_s, alike_t, across, across_back = (
            self.kernel((a - b).square().sum(2), width) for a, b in pairs
        )
        return (alike_s + alike_t - across - across_back).mean(1)

    def kernel_matrix(self, source: Tensor, target: Tensor) -> Tensor:
        """Kernel values of all pairs, source first: (N, 2n, 2n)."""
        samples = torch.cat([source, target], 1)  # (N, 2n, C)
        distances = (samples[:, :, None] - samples[:, None]).square().sum(3)
        return self.kernel(distances, bandwidth(source, target)[:, None])

    def kernel(self, distances: Tensor, width: Tensor) -> Tensor:
        """Of squared distances (N, ...) and bandwidths that broadcast against them."""
        scaled = -distances / width
        return torch.stack([(scaled / scale).exp() for scale in self.scales]).sum(0)


def bandwidth(source: Tensor, target: Tensor) -> Tensor:
    """Mean squared distance of all pairs of different samples, (N, 1), without gradient; 1 if all are equal.

    It is twice the unbiased variance, so no pair is looked at.
    """
    samples = torch.cat([source, target], 1).detach()  # (N, 2n, C)
    samples -= samples.mean(1, keepdim=True)
    squares = torch.einsum('npc,npc->np', samples, samples).sum(1, keepdim=True)
    width = 2 / (samples.shape[1] - 1) * squares
    return torch.where(width > torch.finfo(width.dtype).eps ** 2, width, 1.0)
