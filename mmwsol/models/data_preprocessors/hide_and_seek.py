from __future__ import annotations

import torch
from torch import Tensor, nn

from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample


@MODELS.register_module()
class HideAndSeek(nn.Module):
    """Hide random tiles of the training images (Singh and Lee, ICCV 2017), in wsolevaluation's form.

    A grid of square tiles starts at the upper left corner; those at the right and lower border may be smaller. Each tile of
    each image is set to 0, the mean colour after normalisation, on its own. Drawn on the device of the images.

    Args:
        grid_size: side of a tile in pixels; 0 hides nothing.
        rate: probability that a tile is hidden.
    """

    def __init__(self, grid_size: int = 4, rate: float = 0.5) -> None:
        super().__init__()
        if grid_size < 0 or not 0 <= rate <= 1:
            raise ValueError(
                f'HideAndSeek takes grid_size >= 0 (pixels) and rate in [0, 1], got grid_size={grid_size}, rate={rate}'
            )
        self.grid_size = grid_size
        self.rate = rate

    def forward(
        self, images: Tensor, data_samples: list[LocDataSample]
    ) -> tuple[Tensor, list[LocDataSample]]:
        """Images (N, 3, H, W) with tiles hidden, and the data samples as they are."""
        if self.grid_size == 0 or self.rate == 0:
            return images, data_samples
        rows, columns = (-(-side // self.grid_size) for side in images.shape[-2:])
        draws = torch.rand(len(images), rows, columns, device=images.device)
        return hide_tiles(images, draws <= self.rate, self.grid_size), data_samples


def hide_tiles(images: Tensor, hidden: Tensor, grid_size: int) -> Tensor:
    """Set tiles to 0.

    Args:
        images: (N, C, H, W).
        hidden: (N, ceil(H / grid_size), ceil(W / grid_size)) bool, one entry a tile.
    """
    height, width = images.shape[-2:]
    mask = hidden.repeat_interleave(grid_size, 1)[:, :height]  # (N, H, columns)
    mask = mask.repeat_interleave(grid_size, 2)[:, :, :width]  # (N, H, W)
    return images.masked_fill(mask[:, None], 0)
