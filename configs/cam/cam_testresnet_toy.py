"""CAM on the drawn data, from random weights, on the network as it is (4x4 maps at input 112): the baseline of `make demo`.

    python tools/train.py configs/cam/cam_testresnet_toy.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.test_resnet import *
    from .._base_.datasets.toy_shapes import *
    from .._base_.default_runtime import *
    from .._base_.models.cam import *
    from .._base_.schedules.toy import *

backbone.strides = None  # no stride is dropped
backbone.out_indices = (-1,)
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
