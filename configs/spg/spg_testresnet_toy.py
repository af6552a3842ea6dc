"""SPG on the drawn data, from random weights: B1 on 28x28, B2, C and the classes on 14x14; scored by masks too.

Measured (seed 6, CPU): choe_v2 PxAP 91.17, pIoU 73.36, MaxBoxAccV2 90.83.
    python tools/train.py configs/spg/spg_testresnet_toy.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.test_resnet import *
    from .._base_.datasets.toy_shapes_masks import *
    from .._base_.default_runtime import *
    from .._base_.models.spg import *
    from .._base_.schedules.toy import *

model.update(backbone=backbone)
model.head.update(
    num_classes=num_classes,
    in_channels=out_channels,
    early_channels=(split_channels, out_channels),
    branch_channels=128,
)
