"""CAM on the drawn data, from random weights: the baseline of `make demo`.

    python tools/train.py configs/cam/cam_test-resnet_toy.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.test_resnet import *
    from .._base_.datasets.toy_shapes import *
    from .._base_.default_runtime import *
    from .._base_.models.cam import *
    from .._base_.schedules.toy import *

backbone.update(out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
