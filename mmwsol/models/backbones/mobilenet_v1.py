from __future__ import annotations

from collections.abc import Sequence

from timm.layers import Conv2dSame
from torch import nn

from mmwsol.registry import MODELS

from .staged_backbone import StagedBackbone

_CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
_STAGES = ((0, 1), (2, 3), (4, 5), (6, 7, 8, 9, 10, 11), (12, 13))


@MODELS.register_module()
class MobileNetV1(StagedBackbone):
    """MobileNetV1 (Howard et al., 2017): a 3x3 convolution and 13 depthwise-separable units, with plain ReLU.

    Parameter names follow the common port: ``model.0.{0,1}`` convolution and norm, ``model.i.{0,1}`` depthwise,
    ``model.i.{3,4}`` pointwise. timm's mobilenetv1 uses ReLU6 and other names, and mmpretrain has none.

    Args:
        strides: of the first unit of each of the five stages. (2, 2, 2, 1, 2) gives 28x28 behind stage 3 and 14x14 at
            the end for an input of 224 (BAS); (2, 2, 2, 2, 2) is the classification network.
        tensorflow: TensorFlow's padding and ReLU6, with which the published weights were trained.
    """

    def __init__(self, strides: Sequence[int] = (2, 2, 2, 1, 2), tensorflow: bool = False, **kwargs) -> None:
        if len(strides) != 5 or not set(strides) <= {1, 2}:
            raise ValueError(f'MobileNetV1 takes five strides, each 1 or 2; got {tuple(strides)}')
        stages = [[f'model.{unit}' for unit in units] for units in _STAGES]
        super().__init__(stages, [_CHANNELS[units[-1]] for units in _STAGES], **kwargs)
        first_units = {units[0]: stride for units, stride in zip(_STAGES, strides)}
        self.model = nn.Sequential(_convolution(3, _CHANNELS[0], first_units[0]))
        for unit in range(1, len(_CHANNELS)):
            self.model.append(_separable(_CHANNELS[unit - 1], _CHANNELS[unit], first_units.get(unit, 1)))
        if tensorflow:
            _use_tensorflow_rules(self.model)
        self.arrange_stages()


def _convolution(inputs: int, outputs: int, stride: int, groups: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        *_convolution(inputs, inputs, stride, groups=inputs), *_convolution(inputs, outputs, 1, size=1)
    )


def _use_tensorflow_rules(model: nn.Sequential) -> None:
    """Pad strided convolutions as TensorFlow does, more at the end than at the start, and cut activations at 6."""
    for name, layer in list(model.named_modules()):
        parent, _, position = name.rpartition('.')
        if isinstance(layer, nn.Conv2d) and layer.stride != (1, 1):
            channels = (layer.in_channels, layer.out_channels)
            same = Conv2dSame(*channels, 3, stride=2, groups=layer.groups, bias=False)
            model.get_submodule(parent).add_module(position, same)
        elif isinstance(layer, nn.ReLU):
            model.get_submodule(parent).add_module(position, nn.ReLU6(inplace=True))
