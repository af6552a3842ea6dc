"""SPG, VGG16, CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 56.3. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/spg/spg_vgg16_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.vgg16 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.spg import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(pool_sizes=(2, 2, 2, 3), cuts=('features.23',), out_indices=(4, 5))  # conv4 behind its pool, conv5
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=512, early_channels=(512, 512), hidden_channels=(512, 512))
model.head.loss_b2.update(high=0.29, low=0.23)
model.head.loss_b1.update(high=0.03, low=0.02)
model.head.loss_c.update(high=0.82, low=0.59)
optim_wrapper.optimizer.update(lr=1.2558923e-4, weight_decay=5e-4)
faster = r'head|backbone\.features\.(17|19|21|24|26|28)'  # conv4 and conv5 too, as published
optim_wrapper.paramwise_cfg.update(roles=[dict(name='classifier', match=faster, lr_mult=10.0)])
