"""HaS, EfficientNet-Lite0 (timm), input 160, CUB-200-2011, beside the BAS configuration of the same backbone.

Nothing is published for it; made for a CPU, the method's values are not tuned.
    python tools/train.py configs/has/has_efficientnetlite0_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import HideAndSeek

with read_base():
    from ..cam.cam_efficientnetlite0_cub import *

model.data_preprocessor.update(batch_augments=[dict(type=HideAndSeek, grid_size=40, rate=0.5)])
