"""TokenCut on frozen DINOv2 ViT-S/14 features: a class-agnostic map by a normalised cut.

Only a linear classifier trains; the map needs no training. The box is of whole patches, as published: where the map is
positive.

    python tools/train.py configs/tokencut/tokencut_dinov2small_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.dinov2_small_frozen import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.tokencut import *
    from .._base_.schedules.sat_cub import *

backbone.update(keys=True)
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
optim_wrapper.optimizer.update(lr=1e-3)
val_evaluator.update(protocols=[dict(name='sat', threshold=0.0, interpolation='nearest'), 'choe_v2'])
test_evaluator = val_evaluator
