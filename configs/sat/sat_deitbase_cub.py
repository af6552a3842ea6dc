"""SAT, DeiT-Base, CUB-200-2011, total batch 256.

No figure is published.

    python tools/train.py configs/sat/sat_deitbase_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.deit_base import *
    from .._base_.datasets.cub import *
    from .._base_.default_runtime import *
    from .._base_.models.sat import *
    from .._base_.schedules.sat_cub import *

backbone.update(type=SpatialTokenViT)
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
train_dataloader.update(batch_size=256, num_workers=4)
val_evaluator.update(protocols=['sat', 'choe_v2'])
test_evaluator = val_evaluator
