"""TS-CAM, DeiT-Base, CUB-200-2011.

Published (protocol `tscam`, epoch chosen on test): Top-1 / Top-5 / GT-known Loc 75.8 / 84.1 / 86.6 (at input 384).

    python tools/train.py configs/tscam/tscam_deitbase_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .tscam_deitsmall_cub import *
    from .._base_.backbones.deit_base import *  # after the parent, whose backbone it replaces

backbone.update(attention='test')
model.backbone = backbone
model.head.update(in_channels=out_channels)
