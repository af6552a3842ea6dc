"""ADL, EfficientNet-Lite0 (timm), input 160, CUB-200-2011, beside the BAS configuration of the same backbone.

Nothing is published for it; made for a CPU, the method's values are not tuned.
    python tools/train.py configs/adl/adl_efficientnetlite0_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.layers import ADL

with read_base():
    from ..cam.cam_efficientnetlite0_cub import *

adl = dict(type=ADL, threshold=0.9, drop_rate=0.75)
model.backbone.update(plugins=[dict(layer=adl, stage=4), dict(layer=adl, stage=6)])
