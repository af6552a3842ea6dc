from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmwsol.models.layers import at_least_float32, without_autocast
from mmwsol.registry import MODELS

CENTRE, EDGE, CORNER = 0.8054397389, 0.0460116034, 0.0026284619


@MODELS.register_module()
class NormalizationLoss(nn.Module):
    """Pushes maps towards 0 and 1: mean of ``M (1 - M)`` of the slightly blurred map (SAT, ICCV 2023).

    The 3x3 blur pads with zeros, as published, so a full mask's border still counts. At most 0.25 a pixel.
    """

    kernel: Tensor

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        rows = [[CORNER, EDGE, CORNER], [EDGE, CENTRE, EDGE], [CORNER, EDGE, CORNER]]
        self.register_buffer('kernel', torch.tensor(rows)[None, None], persistent=False)

    def blur(self, maps: Tensor) -> Tensor:
        return F.conv2d(maps, self.kernel.to(maps.dtype), padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, 1, h, w) in [0, 1] to a scalar, in float32 under autocast."""
        with without_autocast(maps):
            blurred = self.blur(at_least_float32(maps))
            return self.loss_weight * (blurred * (1 - blurred)).mean()
