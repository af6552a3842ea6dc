"""CAM, MobileNetV1, CUB-200-2011, with the data and schedule of the BAS configuration beside it.

The backbone has the form that its weights were trained in, not BAS's. Measured: docs/results.md.
    python tools/train.py configs/cam/cam_mobilenetv1_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.mobilenet_v1 import *
    from .._base_.datasets.cub import *
    from .._base_.default_runtime import *
    from .._base_.models.cam import *
    from .._base_.schedules.bas_cub import *

backbone.update(out_indices=(-1,), tensorflow=True)
model.update(backbone=backbone, channels_last=True)
model.head.update(num_classes=num_classes, in_channels=out_channels)
