"""CutMix on the drawn data, from random weights; scored by masks too.

Measured (seed 6, CPU): choe_v2 PxAP 91.21, pIoU 73.18, MaxBoxAccV2 92.08.
    python tools/train.py configs/cutmix/cutmix_testresnet_toy.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import CutMix, LocDataPreprocessor

with read_base():
    from ..cam.cam_testresnet_toy_masks import *

augment = dict(type=CutMix, beta=1.0, prob=0.5)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
