from __future__ import annotations

from torch import Tensor, nn

from mmwsol.registry import MODELS


@MODELS.register_module()
class AreaLoss(nn.Module):
    """Mean foreground probability of the maps (N, 1, h, w) in [0, 1] (BAS, CVPR 2022, eq. 5)."""

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, maps: Tensor) -> Tensor:
        return self.loss_weight * maps.float().mean()
