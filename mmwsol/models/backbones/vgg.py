from __future__ import annotations

from collections.abc import Sequence

import torchvision
from torch import nn

from mmwsol.registry import MODELS

from .staged_backbone import StagedBackbone

_POOLS = (4, 9, 16, 23, 30)  # positions of the pools in torchvision's vgg16().features


@MODELS.register_module()
class VGG16(StagedBackbone):
    """VGG-16 "D" without batch norm, as torchvision's ``features.*`` without the last pool.

    Stage i is the 2x2 max pool before block i (none before block 0) and the 3x3 convolutions of block i with their
    ReLUs: 64, 128, 256, 512, 512 channels.

    Args:
        strides: of the pool in front of each block; 1 leaves the pool out. (1, 2, 2, 2, 2) gives 14x14 for an input of
            224 (the form of BAS and of wsolevaluation), (1, 2, 2, 2, 1) its large feature map 28x28.
        pool_sizes: window of these four pools, 2 or 3 (padded by 1). ACoL takes (3, 3, 3, 3), where a pool of stride 1
            stays; SPG takes (2, 2, 2, 3).
        last_pool: a 3x3 max pool of stride 1 behind block 4 (ACoL).
    """

    def __init__(
        self,
        strides: Sequence[int] = (1, 2, 2, 2, 2),
        pool_sizes: Sequence[int] = (2, 2, 2, 2),
        last_pool: bool = False,
        **kwargs,
    ) -> None:
        if len(strides) != 5 or strides[0] != 1 or not set(strides) <= {1, 2}:
            raise ValueError(f'VGG16 takes five strides, 1 first, each 1 or 2; got {tuple(strides)}')
        if len(pool_sizes) != 4 or not set(pool_sizes) <= {2, 3}:
            raise ValueError(f'VGG16 takes four pool_sizes, each 2 or 3; got {tuple(pool_sizes)}')
        starts = (0, *_POOLS[:-1])
        stages = [[f'features.{i}' for i in range(a, b)] for a, b in zip(starts, _POOLS)]
        if last_pool:
            stages[-1].append(f'features.{_POOLS[-1]}')
        super().__init__(stages, (64, 128, 256, 512, 512), **kwargs)
        self.features = torchvision.models.vgg16(weights=None, init_weights=False).features[: _POOLS[-1]]
        for pool, stride, size in zip(_POOLS, strides[1:], pool_sizes):
            self.features[pool] = _pool(size, stride)
        if last_pool:
            self.features.append(_pool(3, 1))
        self.arrange_stages()


def _pool(size: int, stride: int) -> nn.Module:
    return nn.Identity() if (size, stride) == (2, 1) else nn.MaxPool2d(size, stride, padding=(size - 1) // 2)
