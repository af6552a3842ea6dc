from __future__ import annotations

from mmengine.registry import WEIGHT_INITIALIZERS
from torch import nn


@WEIGHT_INITIALIZERS.register_module()
class ConvWeightNormal:
    """Draw the weights of all convolutions from N(0, std^2) and leave their biases as PyTorch made them.

    The VGG form of BAS (MMEngine's ``Normal`` sets biases to a constant as well).
    """

    def __init__(self, std: float = 0.02) -> None:
        self.std = std

    def __call__(self, module: nn.Module) -> None:
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=self.std)
