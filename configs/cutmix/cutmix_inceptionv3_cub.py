"""CutMix, InceptionV3 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 57.5. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/cutmix/cutmix_inceptionv3_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import CutMix, LocDataPreprocessor

with read_base():
    from ..cam.cam_inceptionv3_cub import *

augment = dict(type=CutMix, beta=0.04, prob=0.30)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
optim_wrapper.optimizer.update(lr=2.25171726e-3)
