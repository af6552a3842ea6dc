"""DA-WSOL, MobileNetV1, CUB-200-2011, with the data, schedule and backbone form of the BAS configuration.

Nothing is published for it; the method's values are those of ResNet-50 on CUB, not tuned.
    python tools/train.py configs/dawsol/dawsol_mobilenetv1_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.mobilenet_v1 import *
    from .._base_.datasets.cub import *
    from .._base_.default_runtime import *
    from .._base_.models.dawsol import *
    from .._base_.schedules.bas_cub import *

backbone.update(out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
