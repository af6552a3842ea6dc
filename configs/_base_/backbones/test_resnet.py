"""timm's test_resnet (0.5 M parameters), from random weights: for the drawn data. Input 112: 28x28 behind stage 2, then 14x14."""

from mmwsol.models.backbones import TimmBackbone

backbone = dict(type=TimmBackbone, name='test_resnet', strides={2: 1, 4: 1}, out_indices=(2, 4))
split_stage = 3
split_channels = 48
out_channels = 96
