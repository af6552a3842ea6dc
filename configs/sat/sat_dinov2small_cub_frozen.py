"""SAT on frozen DINOv2 features: only the spatial token and the classifier train. Ours, nothing is published.

    python tools/train.py configs/sat/sat_dinov2small_cub_frozen.py
"""

from mmengine.config import read_base

with read_base():
    from .sat_deitsmall_cub import *
    from .._base_.backbones.dinov2_small_frozen import *

backbone.update(type=SpatialTokenViT)
model.backbone = backbone
optim_wrapper.optimizer.update(lr=1e-3)
