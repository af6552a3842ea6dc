"""SPG, InceptionV3 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 55.9. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/spg/spg_inceptionv3_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.inception_v3 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.spg import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(num_stages=3, cuts=('pool_before_6', 'Mixed_6d'), out_indices=(2, 3, 4))  # pooled Mixed_5d, 6d, 6e
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=768, early_channels=(288, 768))
model.head.update(hidden_channels=(1024, 1024), dropout=0.5)
model.head.loss_b2.update(high=0.28, low=0.02)
model.head.loss_b1.update(high=0.17, low=0.03)
model.head.loss_c.update(high=0.47, low=0.31)
optim_wrapper.optimizer.update(lr=3.360682e-4, weight_decay=5e-4)
