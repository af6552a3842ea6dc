"""FULLY SUPERVISED baseline, no WSOL method: VGG16, five boxes a class of CUB (CUBV2).

Published: MaxBoxAccV2 71.6 (Choe et al., CVPR 2020, few-shot baseline). Its hyper-parameters are not published; the
schedule is that of the WSOL methods, the learning rate ours. Not run here.
    python tools/train.py configs/fullsup/fullsup_vgg16_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.vgg16 import *
    from .._base_.datasets.cub_fullsup import *
    from .._base_.default_runtime import *
    from .._base_.models.fullsup import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(strides=(1, 2, 2, 2, 2), out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=512)
optim_wrapper.optimizer.update(lr=1e-3, weight_decay=5e-4)
