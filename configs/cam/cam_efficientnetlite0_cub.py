"""CAM, EfficientNet-Lite0 (timm), input 160, CUB-200-2011, beside the BAS configuration of the same backbone.

Measured on birds-23 (seeds 6, 7, 8, CPU): choe_v2 GT-known 57.6 ± 0.5, Top-1 Loc 43.2 ± 1.3, MaxBoxAccV2 55.5 ± 0.6.
    python tools/train.py configs/cam/cam_efficientnetlite0_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .cam_mobilenetv1_cub import *
    from .._base_.datasets.cub_160 import *  # after the parent, whose data and backbone they replace
    from .._base_.backbones.efficientnet_lite0 import *

backbone.update(out_indices=(-1,))
model.update(data_preprocessor=data_preprocessor, backbone=backbone, channels_last=True)
model.head.update(in_channels=out_channels)
train_cfg.update(max_epochs=10, val_interval=5)
param_scheduler[0].update(milestones=[8])
