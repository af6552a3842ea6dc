"""ADL, ResNet-50 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 58.4. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/adl/adl_resnet50_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.layers import ADL

with read_base():
    from ..cam.cam_resnet50_cub import *

adl = dict(type=ADL, threshold=0.76, drop_rate=0.24)
plugins = [dict(layer=adl, after='layer3.0'), dict(layer=adl, after='layer4.0'), dict(layer=adl, stage=3)]
model.backbone.update(plugins=plugins)
optim_wrapper.optimizer.update(lr=1.253438325e-2)
