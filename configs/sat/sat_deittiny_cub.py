"""SAT, DeiT-Tiny, CUB-200-2011, total batch 256.

No figure is published.

    python tools/train.py configs/sat/sat_deittiny_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .sat_deitsmall_cub import *
    from .._base_.backbones.deit_tiny import *  # after the parent, whose backbone it replaces

backbone.update(type=SpatialTokenViT)
model.backbone = backbone
model.head.update(in_channels=out_channels)
