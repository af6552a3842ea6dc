"""CutMix, VGG16, CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 62.3. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/cutmix/cutmix_vgg16_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import CutMix, LocDataPreprocessor

with read_base():
    from ..cam.cam_vgg16_cub import *

augment = dict(type=CutMix, beta=0.85, prob=0.79)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
optim_wrapper.optimizer.update(lr=3.220934e-5)
