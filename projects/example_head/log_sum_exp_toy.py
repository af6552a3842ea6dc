"""LogSumExpHead on the drawn data; a pure-Python config.

python tools/train.py projects/example_head/log_sum_exp_toy.py
"""

from log_sum_exp_head import LogSumExpHead
from mmengine.config import read_base

with read_base():
    from mmwsol.configs._base_.backbones.test_resnet import *
    from mmwsol.configs._base_.datasets.toy_shapes import *
    from mmwsol.configs._base_.default_runtime import *
    from mmwsol.configs._base_.models.cam import *
    from mmwsol.configs._base_.schedules.toy import *

backbone.update(out_indices=(-1,))
model.update(backbone=backbone)
model.head = dict(type=LogSumExpHead, num_classes=num_classes, in_channels=out_channels)
