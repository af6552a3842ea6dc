"""HaS, InceptionV3 with the large feature map (28x28), CUB-200-2011, with wsolevaluation's recipe and frame.

Published: MaxBoxAccV2 53.4. The tuned values are second-hand (copied in third-party scripts, unverified).
    python tools/train.py configs/has/has_inceptionv3_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import HideAndSeek, LocDataPreprocessor

with read_base():
    from ..cam.cam_inceptionv3_cub import *

augment = dict(type=HideAndSeek, grid_size=170, rate=0.26)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
optim_wrapper.optimizer.update(lr=1.400558066e-2)
