"""SCM, DeiT-Tiny, CUB-200-2011: TS-CAM with activation diffusion in training.

No figure is published.

    python tools/train.py configs/scm/scm_deittiny_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .scm_deitsmall_cub import *
    from .._base_.backbones.deit_tiny import *  # after the parent, whose backbone it replaces

backbone.update(attention='always')
model.backbone = backbone
model.head.update(in_channels=out_channels)
