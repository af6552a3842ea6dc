"""ACoL, VGG16, CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 57.4. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/acol/acol_vgg16_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.vgg16 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.acol import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(pool_sizes=(3, 3, 3, 3), last_pool=True, out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=512, threshold=0.89, smooth=True)
optim_wrapper.optimizer.update(lr=1.0569582e-4, weight_decay=5e-4)
