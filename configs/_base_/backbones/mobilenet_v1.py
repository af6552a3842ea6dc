"""MobileNetV1 cut for localization: 28x28 behind stage 3, 14x14 at the end (input 224).

Weights: `mobilenet_v1_1.0_224.pth` in `$MMWSOL_WEIGHTS_ROOT` (default `weights/`), parameter names `model.{i}.{0,1,3,4}`. This is BAS's
form, plain ReLU and symmetric padding; these weights come from TensorFlow and want `tensorflow=True`, which the other methods set: without
it their features lie half a cell to the right and below, and the ImageNet classifier loses 12 points (configs/posthoc/README.md).
"""

from mmwsol.models.backbones import MobileNetV1

backbone = dict(
    type=MobileNetV1,
    strides=(2, 2, 2, 1, 2),
    out_indices=(3, 4),
    init_cfg=[
        dict(type='Xavier', layer='Conv2d', distribution='uniform'),
        dict(type='Pretrained', checkpoint='mobilenet_v1_1.0_224.pth'),
    ],
)
split_stage = 4
split_channels = 512
out_channels = 1024
