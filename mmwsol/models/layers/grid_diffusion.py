"""The approximate inverse of a patch-grid operator, applied to a map: SCM's diffusion, in three equal ways.

Newton-Schulz with K steps from X0 = alpha M: X <- X (2 I - M X), then y = X^T f, where M is the symmetric operator of
a 4-neighbour grid. The start gives no gradient, as published. With R = I - alpha M M it is the series
y = (sum of R^j, j < 2^K) alpha M f.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

METHODS = ('auto', 'horner', 'eigh', 'newton')
HORNER_LIMIT = 4
MANY_STEPS = 6


class GridOperator(NamedTuple):
    """Symmetric 5-point operator on an h x w grid: ``right`` (N, h, w-1), ``down`` (N, h-1, w), ``diagonal`` (N, h, w)."""

    right: Tensor
    down: Tensor
    diagonal: Tensor

    @classmethod
    def from_affinities(cls, right: Tensor, down: Tensor, weight: Tensor) -> GridOperator:
        """SCM's (D - A) * (weight E - 1) of neighbour affinities E (right and down).

        Off the diagonal 1 - weight E, on it degree (weight - 1).
        """
        ones = right.new_ones(len(right), right.shape[1], down.shape[2])
        degrees = cls(torch.ones_like(right), torch.ones_like(down), torch.zeros_like(ones))(ones)
        return cls(1 - weight * right, 1 - weight * down, degrees * (weight - 1))

    def __call__(self, x: Tensor) -> Tensor:
        """M x of maps (N, h, w)."""
        out = self.diagonal * x
        out = out + F.pad(self.right * x[..., 1:], (0, 1)) + F.pad(self.right * x[..., :-1], (1, 0))
        return out + F.pad(self.down * x[:, 1:], (0, 0, 0, 1)) + F.pad(self.down * x[:, :-1], (0, 0, 1, 0))

    def detach(self) -> GridOperator:
        return GridOperator(*(part.detach() for part in self))

    def dense(self) -> Tensor:
        """The matrix (N, P, P) over the P = h w positions, row by row."""
        n, height, width = self.diagonal.shape
        position = torch.arange(height * width, device=self.diagonal.device).view(height, width)
        pairs = [
            (position, position, self.diagonal),
            (position[:, :-1], position[:, 1:], self.right),
            (position[:, 1:], position[:, :-1], self.right),
            (position[:-1], position[1:], self.down),
            (position[1:], position[:-1], self.down),
        ]
        index = torch.cat([(a * height * width + b).flatten() for a, b, _ in pairs])
        values = torch.cat([part.flatten(1) for _, _, part in pairs], dim=1)
        size = height * width
        return values.new_zeros(n, size * size).index_copy(1, index, values).view(n, size, size)


def diffuse(operator: GridOperator, x: Tensor, steps: int, alpha: float, method: str = 'auto') -> Tensor:
    """y = X^T x of maps (N, h, w) after ``steps`` Newton-Schulz steps; gradients reach the operator and ``x``.

    Args:
        method: ``horner`` evaluates the series with the stencil, 2^steps - 1 times; ``eigh`` in the operator's eigenbasis,
            with the exact gradient; ``newton`` iterates as published, the last step on the vector only.

    Raises:
        ValueError: unknown method, or too many steps for ``horner``.
    """
    if method not in METHODS:
        raise ValueError(f'method must be one of {METHODS}, got {method!r}')
    if method == 'auto':
        method = 'horner' if steps <= HORNER_LIMIT else 'newton' if x.is_cuda else 'eigh'
    if method == 'horner':
        return _horner(operator, x, steps, alpha)
    flat = x.flatten(1)  # (N, P)
    y = (
        _newton(operator.dense(), flat, steps, alpha)
        if method == 'newton'
        else _eigh(operator, flat, steps, alpha)
    )
    return y.view_as(x)


def _horner(operator: GridOperator, x: Tensor, steps: int, alpha: float) -> Tensor:
    if steps > MANY_STEPS:
        raise ValueError(
            f"method='horner' takes 2^{steps} - 1 products; use 'eigh' or 'newton' for {steps} steps"
        )
    start = operator.detach()
    y = term = alpha * start(x)
    for _ in range(2**steps - 1):
        y = term + y - alpha * start(operator(y))
    return y


def _newton(matrix: Tensor, x: Tensor, steps: int, alpha: float) -> Tensor:
    inverse = alpha * matrix.detach().mT
    for _ in range(steps - 1):
        inverse = 2 * inverse - inverse @ (matrix @ inverse)
    y = inverse.mT @ x[..., None]
    return (2 * y - inverse.mT @ (matrix.mT @ y))[..., 0] if steps else y[..., 0]


def _eigh(operator: GridOperator, x: Tensor, steps: int, alpha: float) -> Tensor:
    return _SpectralDiffusion.apply(operator.dense(), x, steps, alpha)


class _SpectralDiffusion(torch.autograd.Function):
    """y = Q g(mu) Q^T x with M = Q diag(mu) Q^T, g = alpha mu s(r), r = 1 - alpha mu^2, s the sum of r^j, j < 2^steps."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, x: Tensor, steps: int, alpha: float) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        series, slope = _geometric_series(values.double(), steps, alpha)
        gain = (alpha * values.double() * series).to(x.dtype)
        coefficients = (vectors.mT @ x[..., None])[..., 0]
        ctx.save_for_backward(values, vectors, coefficients, gain, series, slope)
        ctx.alpha = alpha
        return (vectors @ (gain * coefficients)[..., None])[..., 0]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        values, vectors, coefficients, gain, series, slope = ctx.saved_tensors
        grad = (vectors.mT @ grads[0][..., None])[..., 0]
        grad_x = (vectors @ (gain * grad)[..., None])[..., 0]
        ratio = 1 - ctx.alpha * values.double().square()
        quotient = _divided_difference(series, slope, ratio).to(values.dtype)
        outer = (values * coefficients)[..., :, None] * (values * grad)[..., None, :]
        grad_matrix = vectors @ (-(ctx.alpha**2) * outer * quotient) @ vectors.mT
        return grad_matrix, grad_x, None, None


def _geometric_series(values: Tensor, steps: int, alpha: float) -> tuple[Tensor, Tensor]:
    """s(r) = sum of r^j, j < 2^steps, and its derivative, at r = 1 - alpha mu^2 of float64 ``values``; by doubling."""
    ratio = 1 - alpha * values.square()
    series, slope = torch.ones_like(ratio), torch.zeros_like(ratio)
    power, power_slope = ratio, torch.ones_like(ratio)  # r^m and its derivative, m = 1, 2, 4, ...
    for _ in range(steps):
        series, slope = series * (1 + power), slope * (1 + power) + series * power_slope
        power, power_slope = power * power, 2 * power * power_slope
    return series, slope


def _divided_difference(series: Tensor, slope: Tensor, ratio: Tensor) -> Tensor:
    """(s_p - s_q) / (r_p - r_q), (N, P, P); the mean derivative where both are nearly equal."""
    gap = ratio[:, :, None] - ratio[:, None, :]
    close = gap.abs() < 1e-9
    difference = (series[:, :, None] - series[:, None, :]) / torch.where(close, 1.0, gap)
    return torch.where(close, (slope[:, :, None] + slope[:, None, :]) / 2, difference)
