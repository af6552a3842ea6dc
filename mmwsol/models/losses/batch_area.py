from __future__ import annotations

import torch.distributed as dist
from torch import Tensor, nn

from mmwsol.models.layers import at_least_float32
from mmwsol.registry import MODELS


@MODELS.register_module()
class BatchAreaLoss(nn.Module):
    """Distance of the batch's mean foreground area from a target (SAT, ICCV 2023).

    ``| mean of the maps - target |``: once for the batch, so that it may mix small and large objects.

    Args:
        target: wanted mean of the maps, in (0, 1): 0.25 for CUB, 0.35 for ILSVRC.
        reduction: in distributed training the mean is over the ``global`` batch (SAT's CUB script) or each process's
            own (``per_rank``, SAT's ImageNet script). Equal batches are assumed.
    """

    def __init__(self, target: float = 0.25, reduction: str = 'global', loss_weight: float = 1.0) -> None:
        super().__init__()
        if reduction not in ('global', 'per_rank'):
            raise ValueError(f"reduction must be 'global' or 'per_rank', got {reduction!r}")
        self.target = target
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, 1, h, w) in [0, 1] to a scalar, in float32 under autocast."""
        area = at_least_float32(maps).mean()
        if self.reduction == 'global' and dist.is_available() and dist.is_initialized():
            total = area.detach().clone()
            dist.all_reduce(total)
            # the value of the global mean, with the local gradient: DDP averages the gradients over the processes
            area = area + (total / dist.get_world_size() - area.detach())
        return self.loss_weight * (area - self.target).abs()
