"""VGG-16 without batch norm in BAS's form: 28x28 behind conv4_3, 14x14 at the end (input 224)."""

from mmwsol.models.backbones import VGG16

backbone = dict(
    type=VGG16,
    out_indices=(3, 4),
    init_cfg=[
        dict(type='ConvWeightNormal', std=0.02),
        dict(type='Pretrained', checkpoint='torchvision://vgg16'),
    ],
)
split_stage = 4
split_channels = 512
out_channels = 512
