"""FULLY SUPERVISED baseline, no WSOL method, on the drawn data: five masks a class, from random weights.

Measured (seed 6, CPU): choe_v2 PxAP 91.36, pIoU 72.49, MaxBoxAccV2 87.92.
    python tools/train.py configs/fullsup/fullsup_testresnet_toy.py
"""

from mmengine.config import read_base

from mmwsol.datasets import FullySupervised

with read_base():
    from .._base_.backbones.test_resnet import *
    from .._base_.datasets.toy_shapes_masks import *
    from .._base_.default_runtime import *
    from .._base_.models.fullsup import *
    from .._base_.schedules.toy import *

labelled = dict(train_dataloader.dataset, test_mode=True)
train_dataloader.batch_size = 8
train_dataloader.dataset = dict(type=FullySupervised, dataset=labelled, images_per_class=5)  # update() would merge it
backbone.out_indices = (-1,)
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
train_cfg.update(max_epochs=36, val_interval=18)  # as many steps as the others
param_scheduler[0].update(T_max=36)
