"""ACoL, InceptionV3 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 56.2. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/acol/acol_inceptionv3_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.inception_v3 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.acol import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(num_stages=3, out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=768, threshold=0.79)
optim_wrapper.optimizer.update(lr=6.58832165e-3, weight_decay=5e-4)
