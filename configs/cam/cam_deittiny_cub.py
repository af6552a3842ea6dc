"""CAM on the patch tokens of DeiT-Tiny, CUB-200-2011: TS-CAM without its attention. Ours, nothing is published.

    python tools/train.py configs/cam/cam_deittiny_cub.py
"""

from mmengine.config import read_base

with read_base():
    from ..tscam.tscam_deittiny_cub import *

backbone.update(attention='none')
model.backbone = backbone
model.head.update(coupling='none')
