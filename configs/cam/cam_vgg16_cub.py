"""CAM, VGG16, CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 63.7. The learning rate is second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/cam/cam_vgg16_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.vgg16 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.cam import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(strides=(1, 2, 2, 2, 2), out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=512, hidden_channels=(1024,))
model.head.init_cfg = [dict(type='Normal', layer='Linear', std=0.01), dict(type='Kaiming', layer='Conv2d')]
optim_wrapper.optimizer.update(lr=1.268269e-05, weight_decay=5e-4)
