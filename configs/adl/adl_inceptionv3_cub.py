"""ADL, InceptionV3 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 58.8. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/adl/adl_inceptionv3_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.layers import ADL

with read_base():
    from ..cam.cam_inceptionv3_cub import *

adl = dict(type=ADL, threshold=0.86, drop_rate=0.69)
model.backbone.update(plugins=[dict(layer=adl, stage=1), dict(layer=adl, stage=2)])
model.head.update(dropout=0.0, last_layer=adl)
optim_wrapper.optimizer.update(lr=3.8655054e-4)
