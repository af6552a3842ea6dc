"""HaS, VGG16, CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 63.7. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/has/has_vgg16_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import HideAndSeek, LocDataPreprocessor

with read_base():
    from ..cam.cam_vgg16_cub import *

augment = dict(type=HideAndSeek, grid_size=65, rate=0.47)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
optim_wrapper.optimizer.update(lr=3.42891848e-3)
