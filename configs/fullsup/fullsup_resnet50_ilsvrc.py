"""FULLY SUPERVISED baseline, no WSOL method: ResNet-50 with the large feature map (28x28), ten boxes a class of ILSVRC (ImageNetV2).

Published: MaxBoxAccV2 66.3 (Choe et al., CVPR 2020, few-shot baseline). Its hyper-parameters are not published; schedule and
learning rate are those of our configuration of CUB. Not run here.
    python tools/train.py configs/fullsup/fullsup_resnet50_ilsvrc.py
"""

from mmengine.config import read_base

with read_base():
    from .fullsup_resnet50_cub import *
    from .._base_.datasets.ilsvrc_fullsup import *  # after the parent, whose data they replace

model.head.update(num_classes=num_classes)
