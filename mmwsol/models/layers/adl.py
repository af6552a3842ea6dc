from __future__ import annotations

import torch
from torch import Tensor, nn

from mmwsol.registry import MODELS


@MODELS.register_module()
class ADL(nn.Module):
    """Attention-based dropout (Choe and Shim, CVPR 2019): hide the most discriminative positions, or weight them up.

    The channel mean of the feature is its attention. In training one draw for the whole batch decides: with ``drop_rate``
    the positions whose attention reaches ``threshold`` times the image's maximum are set to 0, else all are multiplied with
    the sigmoid of the attention. No parameters; at test time the feature passes unchanged.

    Args:
        drop_rate: probability of dropping.
        threshold: share of the maximum, in [0, 1]; a high one drops a small region.
    """

    def __init__(self, drop_rate: float = 0.75, threshold: float = 0.9) -> None:
        super().__init__()
        if not (0 <= drop_rate <= 1 and 0 <= threshold <= 1):
            raise ValueError(
                f'ADL takes drop_rate and threshold in [0, 1], got drop_rate={drop_rate}, threshold={threshold}'
            )
        self.drop_rate = drop_rate
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to the same shape; the draw stays on the device."""
        if not self.training:
            return x
        drop = torch.rand((), device=x.device) + self.drop_rate >= 1
        return x * self.gate(x, drop).to(x.dtype)

    def gate(self, x: Tensor, drop: Tensor) -> Tensor:
        """Factor of each position, (N, 1, h, w): the drop mask, 0 or 1, where ``drop`` () holds, else the importance."""
        precise = x.dtype if x.dtype == torch.float64 else torch.float32
        attention = x.mean(1, keepdim=True, dtype=precise)
        peak = attention.detach().amax((2, 3), keepdim=True)
        kept = (attention < self.threshold * peak).to(precise)
        return torch.where(drop, kept, attention.sigmoid())

    def extra_repr(self) -> str:
        return f'drop_rate={self.drop_rate}, threshold={self.threshold}'
