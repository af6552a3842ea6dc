"""CutMix, EfficientNet-Lite0 (timm), input 160, CUB-200-2011, beside the BAS configuration of the same backbone.

Nothing is published for it; made for a CPU, the method's values are not tuned.
    python tools/train.py configs/cutmix/cutmix_efficientnetlite0_cub.py
"""

from mmengine.config import read_base

from mmwsol.models.data_preprocessors import CutMix

with read_base():
    from ..cam.cam_efficientnetlite0_cub import *

model.data_preprocessor.update(batch_augments=[dict(type=CutMix, beta=1.0, prob=1.0)])
