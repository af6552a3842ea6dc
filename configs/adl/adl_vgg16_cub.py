"""ADL, VGG16, CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 66.3. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/adl/adl_vgg16_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.layers import ADL

with read_base():
    from ..cam.cam_vgg16_cub import *

adl = dict(type=ADL, threshold=0.72, drop_rate=0.33)
plugins = [dict(layer=adl, after='features.16'), dict(layer=adl, stage=3), dict(layer=adl, stage=4)]
model.backbone.update(plugins=plugins)
optim_wrapper.optimizer.update(lr=2.430601e-5)
