from __future__ import annotations

from torch import Tensor


def accepted_mean(values: Tensor, accepted: Tensor | None = None) -> Tensor:
    """Mean of ``values`` (N,) where ``accepted`` (N,) is true; a zero that can be differentiated where it never is."""
    if accepted is None:
        return values.mean()
    return values.where(accepted, 0.0).sum() / accepted.sum().clamp(min=1)
