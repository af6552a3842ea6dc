"""CAM, ResNet-50 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 63.0. The learning rate is second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/cam/cam_resnet50_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.resnet50 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.cam import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(strides=(1, 2, 1, 1), last_pool=False, out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=2048)
optim_wrapper.optimizer.update(lr=0.00023222617, weight_decay=1e-4)
optim_wrapper.paramwise_cfg.update(roles=[dict(name='classifier', match=r'head|backbone\.layer4', lr_mult=10.0)])
