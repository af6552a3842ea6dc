"""SAT on the drawn data, from random weights: 7x7 maps at input 112.

    python tools/train.py configs/sat/sat_testvit_toy.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.test_vit import *
    from .._base_.datasets.toy_shapes import *
    from .._base_.default_runtime import *
    from .._base_.models.sat import *
    from .._base_.schedules.toy import *

backbone.update(type=SpatialTokenViT)
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
