"""SPG, MobileNetV1, CUB-200-2011, with the data and schedule of the BAS configuration.

Nothing is published for it; the method's values are wsolevaluation's defaults, not tuned.
    python tools/train.py configs/spg/spg_mobilenetv1_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.mobilenet_v1 import *
    from .._base_.datasets.cub import *
    from .._base_.default_runtime import *
    from .._base_.models.spg import *
    from .._base_.schedules.bas_cub import *

backbone.update(tensorflow=True)
model.update(backbone=backbone, channels_last=True)
model.head.update(num_classes=num_classes, in_channels=out_channels, early_channels=(split_channels, out_channels))
