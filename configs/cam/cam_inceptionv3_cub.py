"""CAM, InceptionV3 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 56.7. The learning rate is second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/cam/cam_inceptionv3_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.inception_v3 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.cam import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(num_stages=3, out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=768, form='conv', hidden_channels=(1024, 1024), dropout=0.5)
model.head.init_cfg = dict(type='Xavier', layer='Conv2d', distribution='uniform')  # update() would merge it
optim_wrapper.optimizer.update(lr=0.00224844746, weight_decay=5e-4)
