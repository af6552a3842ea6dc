from __future__ import annotations

from collections.abc import Sequence

import torchvision
from torch import nn

from mmwsol.registry import MODELS

from .staged_backbone import StagedBackbone


@MODELS.register_module()
class ResNet(StagedBackbone):
    """torchvision's ResNet (v1.5: stride in the 3x3 convolution), stage by stage, with the strides that maps need.

    Stage 0 is the stem and layer1, stages 1 to 3 are layer2 to layer4. A dropped stride is simply dropped: no
    dilation, the projection shortcut stays.

    Args:
        depth: 18, 34, 50, 101 or 152.
        strides: of layer1 to layer4. (1, 2, 2, 1) is wsolevaluation's 14x14 form at input 224, (1, 2, 1, 1) its large
            feature map 28x28.
        last_pool: a 2x2 max pool in front of layer4; with strides (1, 2, 1, 1) this is BAS's form: 28x28 before,
            14x14 behind.
    """

    def __init__(
        self, depth: int = 50, strides: Sequence[int] = (1, 2, 2, 1), last_pool: bool = False, **kwargs
    ) -> None:
        if depth not in (18, 34, 50, 101, 152):
            raise ValueError(f'ResNet depth must be 18, 34, 50, 101 or 152, got {depth}')
        if len(strides) != 4 or strides[0] != 1 or not set(strides) <= {1, 2}:
            raise ValueError(f'ResNet takes four strides, 1 first, each 1 or 2; got {tuple(strides)}')
        net = getattr(torchvision.models, f'resnet{depth}')(weights=None)
        stages = [
            ['conv1', 'bn1', 'relu', 'maxpool', 'layer1'],
            ['layer2'],
            ['layer3'],
            ['last_pool', 'layer4'],
        ]
        expansion = net.layer1[0].expansion
        super().__init__(stages, [width * expansion for width in (64, 128, 256, 512)], **kwargs)
        for name in ('conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4'):
            self.add_module(name, getattr(net, name))
        self.last_pool = nn.MaxPool2d(2) if last_pool else nn.Identity()
        for layer, stride in zip((self.layer2, self.layer3, self.layer4), strides[1:]):
            if stride == 1:
                _drop_stride(layer[0])
        self.arrange_stages()


def _drop_stride(block: nn.Module) -> None:
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
