from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pooled_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Spatial mean of a convolution's output, without computing the output.

    Equals ``conv2d(x, weight, bias, padding=k // 2).mean((2, 3))``. The mean is linear in the sums of ``x`` over the k * k
    windows that the filter's taps see, so a classifier of K classes costs K * k * k * C instead of h * w times that.

    Args:
        x: (N, C, h, w).
        weight: (K, C, k, k), k odd.
        bias: (K,) or None.

    Returns:
        (N, K)
    """
    height, width = x.shape[-2:]
    size = weight.shape[-1]
    rows, columns = _tap_masks(height, size, x), _tap_masks(width, size, x)
    windows = rows.T @ (x @ columns)  # (N, C, k, k): sum of what each tap sees
    return F.linear(windows.flatten(1) / (height * width), weight.flatten(1), bias)


def _tap_masks(length: int, size: int, like: Tensor) -> Tensor:
    """Which positions (``length``) the taps (``size``) of a zero-padded filter see: 0/1, on the device of ``like``."""
    position = torch.arange(length, device=like.device)[:, None]
    shift = torch.arange(size, device=like.device) - size // 2
    target = position - shift  # output position at which the tap meets this input
    return ((target >= 0) & (target < length)).to(like.dtype)
