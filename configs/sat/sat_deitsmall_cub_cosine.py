"""SAT with the learning rate its authors declare: one cosine from 1e-4 to 1e-6, step by step.

    python tools/train.py configs/sat/sat_deitsmall_cub_cosine.py
"""

from mmengine.config import read_base
from mmengine.optim import CosineAnnealingLR

with read_base():
    from .sat_deitsmall_cub import *

param_scheduler = [dict(type=CosineAnnealingLR, T_max=30, eta_min=1e-6, by_epoch=True, convert_to_iter_based=True)]
