"""SAT on frozen DeiT-Tiny features: only the spatial token and the classifier train. Ours, nothing is published.

    python tools/train.py configs/sat/sat_deittiny_cub_frozen.py
"""

from mmengine.config import read_base

with read_base():
    from .sat_deittiny_cub import *

backbone.update(frozen=True)
model.backbone = backbone
optim_wrapper.optimizer.update(lr=1e-3)
