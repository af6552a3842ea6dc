from __future__ import annotations

from torch import Tensor, nn

from mmwsol.models.layers import at_least_float32
from mmwsol.registry import MODELS


@MODELS.register_module()
class UniversumLoss(nn.Module):
    """Mean of the features that belong to no class (DA-WSOL, CVPR 2022, eq. 9).

    Features behind a ReLU are not negative, so the loss shrinks the features of the background. One mean over the whole
    batch: images with much background weigh more.

    Args:
        signed: the features can be negative (a linear last layer): shrink their magnitudes, without which the loss has no
            lower bound. The same as published on features behind a ReLU.
    """

    def __init__(self, loss_weight: float = 1.0, signed: bool = False) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.signed = signed

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Features (N, C, h, w) where ``mask`` (N, h, w) is true; 0 where it never is. Float32 at least."""
        features = at_least_float32(features)
        means = (features.abs() if self.signed else features).mean(1)  # (N, h, w)
        return self.loss_weight * means.where(mask, 0.0).sum() / mask.sum().clamp(min=1)
