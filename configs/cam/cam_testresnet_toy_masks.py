"""CAM on the drawn data, from random weights, on 14x14 maps as the methods beside it, scored by masks too.

Measured (seed 6, CPU): choe_v2 PxAP 90.52, pIoU 72.01, MaxBoxAccV2 91.46.
    python tools/train.py configs/cam/cam_testresnet_toy_masks.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.test_resnet import *
    from .._base_.datasets.toy_shapes_masks import *
    from .._base_.default_runtime import *
    from .._base_.models.cam import *
    from .._base_.schedules.toy import *

backbone.out_indices = (-1,)
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
