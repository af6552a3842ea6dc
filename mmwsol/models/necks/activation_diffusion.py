from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmwsol.models.layers import GridOperator, at_least_float32, diffuse, minmax, without_autocast
from mmwsol.registry import MODELS

SERIES_BELOW = 0.1  # x - tanh x loses its digits below


@MODELS.register_module()
class ActivationDiffusion(nn.Module):
    """Activation diffusion blocks of SCM (Bai et al., ECCV 2022), used between semantic map and classifier in training.

    The attention map spreads over the patch grid where neighbours agree in their class scores; each block filters the
    spread map to a mask m in [0, 1] and multiplies the semantic map by 1 + m. The published product of maps is a positive
    weight per patch, so the cosine similarities are those of the first block in every block, and only weights are kept.

    Runs in float32 (or float64) under autocast, since bfloat16 moves the result by per cents.

    Args:
        steps: Newton-Schulz steps of each block, K: (16, 4, 4, 4) on DeiT, (4, 4, 4, 4) on Conformer.
        alpha: start of the iteration, X0 = alpha M.
        method: how a block of many steps is computed, see :func:`diffuse`; ``auto`` is ``horner`` for K <= 4, else
            ``eigh`` on the CPU and ``newton`` on a GPU. All agree.
    """

    def __init__(
        self, steps: Sequence[int] = (16, 4, 4, 4), alpha: float = 0.002, method: str = 'auto'
    ) -> None:
        super().__init__()
        self.steps = tuple(steps)
        self.alpha = alpha
        self.method = method
        self.affinity_weights = nn.Parameter(torch.ones(len(self.steps)))  # lambda
        self.thresholds = nn.Parameter(torch.full((len(self.steps),), 0.5))  # theta

    def forward(self, attention: Tensor, semantic: Tensor) -> Tensor:
        """Attention map (N, 1, h, w), not normalised, and semantic map (N, K, h, w) to weights (N, 1, h, w) in [1, 2^L]."""
        with without_autocast(semantic):
            semantic = at_least_float32(semantic)
            return self.diffuse_all(attention[:, 0].to(semantic.dtype), semantic)[-1][0][:, None]

    def diffuse_all(self, attention: Tensor, semantic: Tensor) -> list[tuple[Tensor, dict[str, Tensor]]]:
        """Weights (N, h, w) behind each block, and what the block computed on the way."""
        flow, weights, results = minmax(attention), torch.ones_like(attention), []
        right, down = neighbour_cosines(semantic)
        for index, steps in enumerate(self.steps):
            operator = GridOperator.from_affinities(right, down, self.affinity_weights[index].to(flow.dtype))
            diffused = diffuse(operator, flow, steps, self.alpha, self.method)
            peak = flow.flatten(1).max(1).values[:, None, None]
            peak = torch.where(peak > 0, peak, 1.0)  # a constant map, of zeros
            scaled = diffused / (self.thresholds[index].to(flow.dtype) * peak)
            shrunk = tanhshrink(scaled)
            mask = minmax(shrunk)
            parts = dict(f_in=flow, diffused=diffused, scaled=scaled, shrunk=shrunk, mask=mask)
            flow, weights = flow + mask, weights * (1 + mask)
            results.append((weights, dict(parts, f_out=flow)))
        return results


def neighbour_cosines(semantic: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine of the class vectors of right neighbours (N, h, w-1) and lower neighbours (N, h-1, w)."""
    lengths = semantic.square().sum(1).clamp_min(torch.finfo(semantic.dtype).tiny).sqrt()  # (N, h, w)
    right = (semantic[..., :, :-1] * semantic[..., :, 1:]).sum(1)
    down = (semantic[..., :-1, :] * semantic[..., 1:, :]).sum(1)
    return right / (lengths[..., :-1] * lengths[..., 1:]), down / (lengths[:, :-1] * lengths[:, 1:])


def tanhshrink(x: Tensor) -> Tensor:
    """x - tanh x, by its series where the difference would lose its digits."""
    small = torch.where(x.abs() < SERIES_BELOW, x, 0.0)
    square = small.square()
    rest = 17 / 315 - square * (62 / 2835 - square * (1382 / 155925))
    series = small * square * (1 / 3 - square * (2 / 15 - square * rest))
    return torch.where(x.abs() < SERIES_BELOW, series, x - x.tanh())
