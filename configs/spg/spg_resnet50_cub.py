"""SPG, ResNet-50 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 60.4. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/spg/spg_resnet50_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.resnet50 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.spg import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(strides=(1, 2, 1, 1), last_pool=False, cuts=('layer3.0',), out_indices=(2, 3, 4))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=2048, early_channels=(1024, 1024), branch_channels=1024)
model.head.init_cfg = dict(type='Kaiming', layer='Conv2d')  # update() would merge it
model.head.loss_b2.update(high=0.41, low=0.35)
model.head.loss_b1.update(high=0.24, low=0.21)
model.head.loss_c.update(high=0.12, low=0.08)
optim_wrapper.optimizer.update(lr=4.521947e-5, weight_decay=1e-4)
roles = [dict(name='last stage', match=r'backbone\.layer4', lr_mult=10.0)]  # new layers at the base rate, as published
optim_wrapper.paramwise_cfg.update(roles=roles)
