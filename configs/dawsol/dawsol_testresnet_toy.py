"""DA-WSOL on the drawn data, from random weights: 14x14 maps, 8 samples of each domain; scored by masks too.

Measured (seed 6, CPU): choe_v2 PxAP 86.98, pIoU 66.26, MaxBoxAccV2 88.54.
    python tools/train.py configs/dawsol/dawsol_testresnet_toy.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.test_resnet import *
    from .._base_.datasets.toy_shapes_masks import *
    from .._base_.default_runtime import *
    from .._base_.models.dawsol import *
    from .._base_.schedules.toy import *

backbone.out_indices = (-1,)
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
model.head.assigner.update(num_samples=8)
