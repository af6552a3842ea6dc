"""From raw localization maps to heat maps at the size of the network input and to integer levels, batched."""

from __future__ import annotations

from typing import Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import interpolate


def minmax_normalize(
    maps: Tensor, eps: float = 0.0, constant_map: Literal['zeros', 'nan'] = 'zeros'
) -> Tensor:
    """(map - min) / (max - min + eps) of each map (N, H, W).

    A constant or not finite map becomes zeros (wsolevaluation), or, with ``constant_map='nan'``, what the
    arithmetic gives: NaN, or zeros for a constant map with ``eps``.
    """
    low, high = maps.flatten(1).aminmax(dim=1)  # (N,)
    normalized = maps.sub(low[:, None, None]).div_((high - low + eps)[:, None, None])
    if constant_map == 'zeros':
        flat = ~(high - low).isfinite() | (high <= low)
        normalized.masked_fill_(flat[:, None, None], 0.0)
    return normalized


def centre_gaussian(shape: tuple[int, int], spread: float = 0.25) -> Tensor:
    """A Gaussian heat map (H, W) float64 in [0, 1] on the middle, standard deviation ``spread`` of each side.

    The score of a pixel that knows nothing of the image: the centre baseline of Choe et al., CVPR 2020. Only the order of
    scores matters where the best threshold is taken and to PxAP, so ``spread`` does so by way of the levels alone.
    """
    squares = [((torch.arange(n, dtype=torch.float64) - (n - 1) / 2) / (spread * n)) ** 2 for n in shape]
    gaussian = torch.exp(-(squares[0][:, None] + squares[1]) / 2)  # (H, W)
    return minmax_normalize(gaussian[None])[0]


def make_heatmaps(
    maps: Tensor,
    img_shape: tuple[int, int],
    normalize: Literal['before_resize', 'after_resize'],
    eps: float = 0.0,
    constant_map: Literal['zeros', 'nan'] = 'zeros',
    interpolation: Literal['bilinear', 'bicubic', 'nearest'] = 'bilinear',
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Raw maps (N, h, w) as heat maps (N, H, W), each normalised on its own to [0, 1].

    See ``minmax_normalize`` for ``eps`` and ``constant_map``. Half-pixel centres; agrees with OpenCV's resize
    to 1.2e-7 (bilinear, float32) and 1.1e-15 (bicubic, float64).
    """
    maps = maps.to(dtype)
    if constant_map == 'zeros':  # interpolation may add noise to a constant map, which must not be stretched
        low, high = maps.flatten(1).aminmax(dim=1)
        maps = maps.masked_fill((high <= low)[:, None, None], 0.0)
    if normalize == 'before_resize':
        maps = minmax_normalize(maps, eps, constant_map)
    if tuple(maps.shape[1:]) != tuple(img_shape):
        mode, corners = ('nearest-exact', None) if interpolation == 'nearest' else (interpolation, False)
        maps = interpolate(maps[:, None], size=img_shape, mode=mode, align_corners=corners)[:, 0]
    if normalize == 'after_resize':
        maps = minmax_normalize(maps, eps, constant_map)
    return maps  # (N, H, W)


def to_uint8_range(heatmaps: Tensor) -> Tensor:
    """floor(255 * heat map) of (N, H, W) in [0, 1]; NaN becomes 0. Holds integers, keeps the dtype."""
    return heatmaps.nan_to_num(nan=0.0).mul_(255).floor_()


def quantize_heatmaps(
    heatmaps: Tensor,
    thresholds: ArrayLike,
    quantization: Literal['float', 'uint8'] = 'float',
    comparison: Literal['>', '>='] = '>',
) -> Tensor:
    """Level images (N, H, W) int16: how many of the rising ``thresholds`` (T,) a heat map is above.

    ``float`` compares in the heat maps' own precision; ``uint8`` compares floor(255 value) with
    int(threshold * its maximum over the map), in float64 (wsolevaluation, TS-CAM). NaN is above nothing.
    """
    count = heatmaps.shape[0]
    if quantization == 'uint8':
        values = to_uint8_range(heatmaps.double())
        peaks = values.flatten(1).amax(dim=1, keepdim=True)  # (N, 1)
        cuts = torch.as_tensor(thresholds, dtype=torch.float64, device=values.device)
        cuts = (cuts * peaks).trunc()  # (N, T)
    else:
        values = heatmaps
        cuts = torch.as_tensor(thresholds, dtype=values.dtype, device=values.device).expand(count, -1)
    levels = torch.searchsorted(
        cuts.contiguous(), values.flatten(1), right=comparison == '>=', out_int32=True
    )
    levels = levels.reshape(values.shape).to(torch.int16)
    return levels.masked_fill_(heatmaps.isnan(), 0)
