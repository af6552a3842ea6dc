from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmwsol.models.layers import at_least_float32, training_progress
from mmwsol.registry import MODELS

from .accepted_mean import accepted_mean


@MODELS.register_module()
class DomainAdversarialLoss(BaseModule):
    """Two sets of features told apart by a linear classifier that the features learn to fool (Ganin et al., JMLR 2016).

    DA-WSOL's alternative to the MMD. The classifier's gradient is reversed and multiplied by
    ``2 / (1 + exp(-steepness p)) - 1``, with p the training progress in [0, 1), which it takes from the running
    MMEngine loop.

    In distributed training the classifier has no gradient before the head's first adapting epoch: set
    ``find_unused_parameters=True`` in the config.

    Args:
        in_channels: C.
        steepness: 1 in the authors' code (at most 0.462 is reached), 10 in the paper of Ganin et al.
    """

    def __init__(
        self,
        in_channels: int,
        steepness: float = 1.0,
        loss_weight: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        xavier = dict(type='Xavier', layer='Conv2d', distribution='uniform')
        super().__init__(init_cfg or xavier)
        self.classifier = nn.Conv2d(in_channels, 1, 1)
        self.steepness = steepness
        self.loss_weight = loss_weight

    def forward(self, source: Tensor, target: Tensor, accepted: Tensor | None = None) -> Tensor:
        """Mean over the images: source, target (N, n, C); ``accepted`` (N,) bool leaves the others out."""
        strength = reversal_strength(training_progress(), self.steepness)
        half = [
            F.binary_cross_entropy_with_logits(
                logits, torch.full_like(logits, domain), reduction='none'
            ).mean(1)
            for logits, domain in ((self.logits(source, strength), 1.0), (self.logits(target, strength), 0.0))
        ]
        return self.loss_weight * accepted_mean((half[0] + half[1]) / 2, accepted)

    def logits(self, samples: Tensor, strength: float) -> Tensor:
        """Of the domain ``source``, (N, n)."""
        reversed_samples: Tensor = _ReverseGradient.apply(samples, strength)
        rows = reversed_samples.mT[..., None]  # (N, C, n, 1)
        return at_least_float32(self.classifier(rows)[:, 0, :, 0])


def reversal_strength(progress: float, steepness: float = 1.0) -> float:
    return 2 / (1 + math.exp(-steepness * progress)) - 1


class _ReverseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grads[0], None
