"""FULLY SUPERVISED baseline, no WSOL method: InceptionV3 with the large feature map (28x28), five masks a class of OpenImages30k.

Published: PxAP 74.1 (Choe et al., CVPR 2020, few-shot baseline). Its hyper-parameters are not published; schedule and
learning rate are those of our configuration of CUB. Not run here.
    python tools/train.py configs/fullsup/fullsup_inceptionv3_openimages.py
"""

from mmengine.config import read_base

with read_base():
    from .fullsup_inceptionv3_cub import *
    from .._base_.datasets.openimages_fullsup import *  # after the parent, whose data they replace

model.head.update(num_classes=num_classes)
