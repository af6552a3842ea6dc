from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmwsol.registry import MODELS

MIN_SEEDS = 30  # pixels of an image that must lie above ``high``
FALLBACK = 0.7  # share of the image's maximum that counts as ``high`` where fewer do


@MODELS.register_module()
class SeedLoss(nn.Module):
    """Binary cross-entropy where a guide is sure (SPG: Zhang et al., ECCV 2018), in wsolevaluation's form.

    Args:
        high: the guide above it is foreground, in [0, 1].
        low: the guide below it is background, also where both hold.
    """

    def __init__(self, high: float, low: float, loss_weight: float = 1.0) -> None:
        super().__init__()
        if not 0 <= low <= high <= 1:
            raise ValueError(f'SeedLoss takes 0 <= low <= high <= 1, got high={high}, low={low}')
        self.high = high
        self.low = low
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, guide: Tensor) -> Tensor:
        """Mean over the pixels of the batch that are seeds; 0 if there is none.

        Args:
            logits: (N, 1, H, W), before the sigmoid.
            guide: (N, 1, H, W) in [0, 1]; no gradient goes to it.
        """
        foreground, background = self.seeds(guide.detach())
        seeds = foreground | background
        entropy = F.binary_cross_entropy_with_logits(logits, foreground.to(logits.dtype), reduction='none')
        return self.loss_weight * (entropy * seeds).sum() / seeds.sum().clamp(min=1)

    def seeds(self, guide: Tensor) -> tuple[Tensor, Tensor]:
        """Foreground and background (N, 1, H, W) bool; what is neither is ignored."""
        foreground, background = guide > self.high, guide < self.low
        few = foreground.sum((1, 2, 3), keepdim=True) < MIN_SEEDS
        near_peak = guide > FALLBACK * guide.amax((1, 2, 3), keepdim=True)
        return torch.where(few, near_peak, foreground) & ~background, background
