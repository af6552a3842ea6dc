"""HaS on the drawn data, from random weights: tiles of 28 pixels of 112; scored by masks too.

Measured (seed 6, CPU): choe_v2 PxAP 84.22, pIoU 64.47, MaxBoxAccV2 84.38.
    python tools/train.py configs/has/has_testresnet_toy.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import HideAndSeek, LocDataPreprocessor

with read_base():
    from ..cam.cam_testresnet_toy_masks import *

augment = dict(type=HideAndSeek, grid_size=28, rate=0.5)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
