from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def class_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor) -> Tensor:
    """Output channels ``labels[n]`` of a convolution, for each image n its own, without computing the others.

    Equals ``conv2d(x, weight, bias, padding=k // 2)[n, labels[n]]``. The filters of the wanted classes are gathered,
    multiplied with all positions in one batched product and shifted into place, so a training step that needs one of
    K classes costs 1/K.

    Args:
        x: (N, C, h, w).
        weight: (K, C, k, k), k odd.
        bias: (K,) or None.
        labels: (N, c) int64, classes wanted of each image.

    Returns:
        (N, c, h, w)
    """
    n, channels, height, width = x.shape
    size, wanted = weight.shape[-1], labels.shape[1]
    if 2 * wanted >= weight.shape[0]:  # gathering would cost more than it saves
        maps = F.conv2d(x, weight, bias, padding=size // 2)  # (N, K, h, w)
        return maps.gather(1, labels[:, :, None, None].expand(-1, -1, height, width))
    filters = weight[labels].flip(-2, -1).permute(0, 1, 3, 4, 2)  # (N, c, k, k, C)
    taps = filters.reshape(n, wanted * size * size, channels) @ x.flatten(2)  # (N, c*k*k, h*w)
    maps = F.fold(taps, (height, width), size, padding=size // 2)  # (N, c, h, w)
    return maps if bias is None else maps + bias[labels][:, :, None, None]
