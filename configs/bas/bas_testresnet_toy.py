"""BAS on the drawn data, from random weights, as `make demo` trains it.

    python tools/train.py configs/bas/bas_testresnet_toy.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.test_resnet import *
    from .._base_.datasets.toy_shapes import *
    from .._base_.default_runtime import *
    from .._base_.models.bas import *
    from .._base_.schedules.toy import *

model.update(backbone=backbone)
model.head.update(
    num_classes=num_classes,
    in_channels=out_channels,
    split_channels=split_channels,
    split_stage=split_stage,
    hidden_channels=128,
    topk=5,
)
model.head.loss_area.update(loss_weight=1.0)
val_evaluator.update(protocols=['choe_v2', dict(name='bas_ext', threshold=0.50, topk=1)])
test_evaluator = val_evaluator
