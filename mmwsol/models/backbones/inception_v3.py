from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import inception

from mmwsol.registry import MODELS

from .staged_backbone import StagedBackbone

_STEM = [
    'Conv2d_1a_3x3',
    'Conv2d_2a_3x3',
    'Conv2d_2b_3x3',
    'maxpool1',
    'Conv2d_3b_1x1',
    'Conv2d_4a_3x3',
    'maxpool2',
]


class _MixedB(inception.InceptionB):
    """Mixed_6a with stride 1 and padding 1 in its three branches."""

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        for unit in (self.branch3x3, self.branch3x3dbl_3):
            unit.conv.stride, unit.conv.padding = (1, 1), (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, stride=1, padding=1)], 1)


class _MixedD(inception.InceptionD):
    """Mixed_7a with padding 1 in its strided layers."""

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        for unit in (self.branch3x3_2, self.branch7x7x3_4):
            unit.conv.padding = (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, 2, padding=1)], 1)


@MODELS.register_module()
class InceptionV3(StagedBackbone):
    """torchvision's InceptionV3 with the paddings and strides of the WSOL literature; no auxiliary head.

    Stages: 0 stem (192 channels), 1 Mixed_5 (288), 2 Mixed_6 with stride 1 (768), 3 Mixed_7 (2048). At input 224
    stages 0 to 2 give 28x28 and stage 3 14x14: the form of BAS.

    Args:
        num_stages: 3 drops Mixed_7: the form of wsolevaluation.
        pool_before_6: a 3x3 max pool, stride 2, without padding, in front of Mixed_6: wsolevaluation's 14x14 form.
    """

    def __init__(self, num_stages: int = 4, pool_before_6: bool = False, **kwargs) -> None:
        if num_stages not in (3, 4):
            raise ValueError(f'InceptionV3 has 3 stages (without Mixed_7) or 4, got num_stages={num_stages}')
        mixed = [['Mixed_5b', 'Mixed_5c', 'Mixed_5d'], ['pool_before_6', *(f'Mixed_6{c}' for c in 'abcde')]]
        stages = [_STEM, *mixed, ['Mixed_7a', 'Mixed_7b', 'Mixed_7c']][:num_stages]
        super().__init__(stages, (192, 288, 768, 2048)[:num_stages], **kwargs)
        net = inception.Inception3(aux_logits=False, transform_input=False, init_weights=False)
        net.Conv2d_1a_3x3.conv.padding = (1, 1)
        net.maxpool1 = nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)
        net.maxpool2 = nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)
        net.pool_before_6 = nn.MaxPool2d(3, 2, ceil_mode=True) if pool_before_6 else nn.Identity()
        net.Mixed_6a, net.Mixed_7a = _MixedB(288), _MixedD(768)
        for name in (name for names in stages for name in names):
            self.add_module(name, getattr(net, name))
        self.arrange_stages()
