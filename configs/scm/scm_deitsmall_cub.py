"""SCM, DeiT-Small, CUB-200-2011: TS-CAM with activation diffusion in training.

Published (protocol `scm`, thresholds and epoch chosen on test; its "GT-known" boxes the predicted class): Top-1 / Top-5 /
GT-known Loc 76.4 / 91.6 / 96.6.

    python tools/train.py configs/scm/scm_deitsmall_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.deit_small import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.scm import *
    from .._base_.schedules.tscam_cub import *

backbone.update(attention='always')
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
train_cfg.update(max_epochs=30)
param_scheduler[0].update(milestones=[29])
train_dataloader.update(batch_size=256, num_workers=4)
val_evaluator.update(protocols=['scm', 'choe_v2'])
test_evaluator = val_evaluator
