"""HaS, ResNet-50 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 64.7. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/has/has_resnet50_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import HideAndSeek, LocDataPreprocessor

with read_base():
    from ..cam.cam_resnet50_cub import *

augment = dict(type=HideAndSeek, grid_size=120, rate=0.66)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
optim_wrapper.optimizer.update(lr=3.61996526e-3)
