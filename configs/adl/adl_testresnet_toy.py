"""ADL on the drawn data, from random weights, behind the last two stages; scored by masks too.

Measured (seed 6, CPU): choe_v2 PxAP 90.75, pIoU 72.46, MaxBoxAccV2 92.92.
    python tools/train.py configs/adl/adl_testresnet_toy.py
"""

from mmengine.config import read_base

from mmwsol.models.layers import ADL

with read_base():
    from ..cam.cam_testresnet_toy_masks import *

adl = dict(type=ADL, threshold=0.9, drop_rate=0.75)
model.backbone.update(plugins=[dict(layer=adl, stage=3), dict(layer=adl, stage=4)])
