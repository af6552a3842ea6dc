"""TS-CAM, DeiT-Small, CUB-200-2011.

Published (protocol `tscam`, epoch chosen on test): Top-1 / Top-5 / GT-known Loc 71.3 / 83.8 / 87.7.

    python tools/train.py configs/tscam/tscam_deitsmall_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.deit_small import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.tscam import *
    from .._base_.schedules.tscam_cub import *

backbone.update(attention='test')
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
train_dataloader.update(batch_size=128, num_workers=4)
val_evaluator.update(protocols=['tscam', 'choe_v2'])
test_evaluator = val_evaluator
