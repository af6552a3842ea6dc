"""TS-CAM on frozen DeiT-Tiny features: only the classifier trains. Ours, nothing is published.

    python tools/train.py configs/tscam/tscam_deittiny_cub_frozen.py
"""

from mmengine.config import read_base

with read_base():
    from .tscam_deittiny_cub import *

backbone.update(frozen=True)
model.backbone = backbone
optim_wrapper.optimizer.update(lr=1e-3)
