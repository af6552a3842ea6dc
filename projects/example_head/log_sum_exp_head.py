from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmwsol.models.heads import LocHead
from mmwsol.registry import MODELS


@MODELS.register_module()
class LogSumExpHead(LocHead):
    """CAM whose logits are a smooth maximum of the class maps (Pinheiro and Collobert, CVPR 2015, eq. 2).

    Args:
        sharpness: r of the paper; towards 0 the mean of the map (CAM), towards infinity its maximum.
    """

    def __init__(self, num_classes: int, in_channels: int, sharpness: float = 5.0, **kwargs) -> None:
        super().__init__(num_classes, **kwargs)
        self.sharpness = sharpness
        self.conv = nn.Conv2d(in_channels, num_classes, 1)

    def pre_logits(self, feats: Sequence[Tensor]) -> Tensor:
        return self.conv(feats[-1])  # (N, K, h, w)

    def classify(self, maps: Tensor) -> Tensor:
        scaled = self.sharpness * maps.flatten(2)  # (N, K, h*w)
        return (scaled.logsumexp(2) - torch.tensor(scaled.shape[2]).log()) / self.sharpness  # (N, K)

    def localize(self, maps: Tensor, labels: Tensor) -> Tensor:
        return maps[torch.arange(len(maps))[:, None], labels]  # (N, C, h, w)
