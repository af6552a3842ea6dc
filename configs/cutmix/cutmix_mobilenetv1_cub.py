"""CutMix, MobileNetV1, CUB-200-2011, with the data and schedule of the BAS configuration.

Nothing is published for it; the method's values are wsolevaluation's defaults, not tuned.
    python tools/train.py configs/cutmix/cutmix_mobilenetv1_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import CutMix, LocDataPreprocessor

with read_base():
    from ..cam.cam_mobilenetv1_cub import *

augment = dict(type=CutMix, beta=1.0, prob=1.00)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
