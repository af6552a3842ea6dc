"""TS-CAM, Conformer-S, CUB-200-2011.

Published (protocol `tscam`, epoch chosen on test): Top-1 / Top-5 / GT-known Loc 77.2 / 90.9 / 94.1.

    python tools/train.py configs/tscam/tscam_conformersmall_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.conformer_small import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.tscam import *
    from .._base_.schedules.tscam_cub import *

backbone.update(attention='test')
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels, conv_channels=conv_channels)
model.head.init_cfg = [dict(type='Kaiming', layer='Conv2d'), dict(type='TruncNormal', layer='Linear', std=0.02)]
optim_wrapper.paramwise_cfg.roles[0].update(match='backbone.cls_token$')
train_dataloader.update(batch_size=128, num_workers=4)
val_evaluator.update(protocols=['tscam', 'choe_v2'])
test_evaluator = val_evaluator
