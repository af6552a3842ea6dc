"""HaS, MobileNetV1, CUB-200-2011, with the data and schedule of the BAS configuration.

Nothing is published for it; the method's values are wsolevaluation's defaults but for larger tiles, not tuned.
    python tools/train.py configs/has/has_mobilenetv1_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import HideAndSeek, LocDataPreprocessor

with read_base():
    from ..cam.cam_mobilenetv1_cub import *

augment = dict(type=HideAndSeek, grid_size=56, rate=0.50)
model.update(data_preprocessor=dict(type=LocDataPreprocessor, batch_augments=[augment]))
