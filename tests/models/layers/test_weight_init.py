from __future__ import annotations

import torch
from mmengine.model import BaseModule, initialize
from torch import nn

from mmwsol.models.layers import ConvWeightNormal


def test_convolution_weights_are_drawn_and_biases_and_other_layers_kept() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(16, 64, 3), nn.Linear(8, 8))
    kept = {key: value.clone() for key, value in network.state_dict().items() if key != '0.weight'}
    ConvWeightNormal(std=0.02)(network)
    assert abs(network[0].weight.std().item() - 0.02) < 5e-4  # 9216 draws
    assert abs(network[0].weight.mean().item()) < 1e-3
    assert all(torch.equal(network.state_dict()[key], value) for key, value in kept.items())


def test_init_cfg_finds_it_by_name() -> None:
    class Holder(BaseModule):
        def __init__(self) -> None:
            super().__init__(init_cfg=dict(type='ConvWeightNormal', std=0.0))
            self.conv = nn.Conv2d(2, 2, 3)

    holder = Holder()
    initialize(holder, holder.init_cfg)
    assert not holder.conv.weight.any() and holder.conv.bias.any()
