"""TS-CAM on frozen DINOv2 features: only the classifier trains. Ours, nothing is published.

    python tools/train.py configs/tscam/tscam_dinov2small_cub_frozen.py
"""

from mmengine.config import read_base

with read_base():
    from .tscam_deitsmall_cub import *
    from .._base_.backbones.dinov2_small_frozen import *

backbone.update(attention='test')
model.backbone = backbone
optim_wrapper.optimizer.update(lr=1e-3)
