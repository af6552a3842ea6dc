"""BAS, VGG16, CUB-200-2011, with the values of the extension (IJCV 2023).

Published (ten-crop, epoch chosen on test): Top-1 / Top-5 / GT-known Loc 70.90 / 85.36 / 91.04.
    python tools/train.py configs/bas/bas_vgg16_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.vgg16 import *
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
    frg_weight=0,
)
model.head.init_cfg = dict(type='ConvWeightNormal', std=0.02)  # update() would merge it into Xavier's entries
model.head.loss_bas.update(replaced_value=0.0)
model.head.loss_area.update(loss_weight=0.9)
val_evaluator.update(protocols=[dict(name='bas_ext', threshold=0.10, topk=80), 'choe_v2'])
test_evaluator = val_evaluator
