"""ACoL on the drawn data, from random weights, on 14x14 maps; scored by masks too.

Measured (seed 6, CPU): choe_v2 PxAP 90.47, pIoU 71.49, MaxBoxAccV2 87.92.
    python tools/train.py configs/acol/acol_testresnet_toy.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.test_resnet import *
    from .._base_.datasets.toy_shapes_masks import *
    from .._base_.default_runtime import *
    from .._base_.models.acol import *
    from .._base_.schedules.toy import *

backbone.out_indices = (-1,)
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels, hidden_channels=128)
