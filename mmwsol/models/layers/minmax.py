from __future__ import annotations

import torch
from torch import Tensor


def minmax(maps: Tensor) -> Tensor:
    """Maps (N, h, w) to [0, 1] each; zeros if constant, where the published code gives NaN.

    Minimum and maximum pass their gradient to one element each.
    """
    shifted = maps - maps.flatten(1).min(1).values[:, None, None]
    peak = shifted.flatten(1).max(1).values[:, None, None]
    constant = peak <= torch.finfo(maps.dtype).tiny
    return torch.where(constant, 0.0, shifted / torch.where(constant, 1.0, peak))
