"""DA-WSOL, ResNet-50 with the large feature map (28x28), CUB-200-2011 (Zhu et al., CVPR 2022), values of the authors' script.

Published: GT-known 81.83, Top-1 Loc 62.40 (66.65 with a second classifier), MaxBoxAccV2 69.87. Not run here.
    python tools/train.py configs/dawsol/dawsol_resnet50_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.resnet50 import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.dawsol import *
    from .._base_.schedules.wsolevaluation_cub import *

backbone.update(strides=(1, 2, 1, 1), last_pool=False, out_indices=(-1,))
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
param_scheduler[0].update(milestones=[29])
train_cfg.update(val_interval=5)
