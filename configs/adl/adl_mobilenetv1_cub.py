"""ADL, MobileNetV1, CUB-200-2011, with the data and schedule of the BAS configuration.

Nothing is published for it; the method's values are wsolevaluation's defaults, not tuned.
    python tools/train.py configs/adl/adl_mobilenetv1_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.layers import ADL

with read_base():
    from ..cam.cam_mobilenetv1_cub import *

adl = dict(type=ADL, threshold=0.9, drop_rate=0.75)
model.backbone.update(plugins=[dict(layer=adl, stage=3), dict(layer=adl, stage=4)])
