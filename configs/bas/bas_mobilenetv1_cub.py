"""BAS, MobileNetV1, CUB-200-2011, with the values of the extension (IJCV 2023).

Published (ten-crop, epoch chosen on test): Top-1 / Top-5 / GT-known Loc 70.54 / 86.71 / 93.04.
Measured on birds-23 (seed 6, 30 epochs, batch 16, CPU): bas_ext GT-known 69.7, Top-1 Loc 53.2, MaxBoxAccV2 74.7.
    python tools/train.py configs/bas/bas_mobilenetv1_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.mobilenet_v1 import *
    from .._base_.datasets.cub import *
    from .._base_.default_runtime import *
    from .._base_.models.bas import *
    from .._base_.schedules.bas_cub import *

model.update(backbone=backbone)
model.head.update(
    num_classes=num_classes,
    in_channels=out_channels,
    split_channels=split_channels,
    split_stage=split_stage,
    topk=80,
    frg_weight=0.5,
    init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform'),
)
model.head.loss_bas.update(replaced_value=1.0)
model.head.loss_area.update(loss_weight=1.9)
val_evaluator.update(protocols=[dict(name='bas_ext', threshold=0.10, topk=80), 'choe_v2'])
test_evaluator = val_evaluator
