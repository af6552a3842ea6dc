"""CutMix, ResNet-50 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 62.8. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/cutmix/cutmix_resnet50_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import CutMix, LocDataPreprocessor

with read_base():
    from ..cam.cam_resnet50_cub import *

augment = dict(type=CutMix, beta=1.35, prob=0.24)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
optim_wrapper.optimizer.update(lr=3.333722e-4)
