"""ResNet-50 in BAS's form: 28x28 behind layer3, a pool, 14x14 at the end (input 224)."""

from mmwsol.models.backbones import ResNet

backbone = dict(
    type=ResNet,
    depth=50,
    strides=(1, 2, 1, 1),
    last_pool=True,
    out_indices=(2, 3),
    init_cfg=[
        dict(type='Xavier', layer='Conv2d', distribution='uniform'),
        dict(type='Pretrained', checkpoint='https://download.pytorch.org/models/resnet50-19c8e357.pth'),
    ],
)
split_stage = 3
split_channels = 1024
out_channels = 2048
