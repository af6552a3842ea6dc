"""ACoL, ResNet-50 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 66.5. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/acol/acol_resnet50_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.resnet50 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.acol import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(strides=(1, 2, 1, 1), last_pool=False, out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=2048, threshold=0.57)
model.head.init_cfg = dict(type='Kaiming', layer='Conv2d')  # update() would merge it
optim_wrapper.optimizer.update(lr=1.700073e-5, weight_decay=1e-4)
roles = [dict(name='last stage', match=r'backbone\.layer4', lr_mult=10.0)]  # new layers at the base rate, as published
optim_wrapper.paramwise_cfg.update(roles=roles)
