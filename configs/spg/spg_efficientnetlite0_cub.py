"""SPG, EfficientNet-Lite0 (timm), input 160, CUB-200-2011, beside the BAS configuration of the same backbone.

Nothing is published for it; made for a CPU, the method's values are not tuned.
    python tools/train.py configs/spg/spg_efficientnetlite0_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .spg_mobilenetv1_cub import *
    from .._base_.datasets.cub_160 import *  # after the parent, whose data and backbone they replace
    from .._base_.backbones.efficientnet_lite0 import *

model.update(data_preprocessor=data_preprocessor)
model.backbone = backbone  # update() would merge it
model.head.update(in_channels=out_channels, early_channels=(split_channels, out_channels), branch_channels=256)
train_cfg.update(max_epochs=10, val_interval=5)
param_scheduler[0].update(milestones=[8])
