"""CAM, ResNet-50 with the large feature map (28x28), OpenImages30k, with wsolevaluation's recipe and frame.

Published: PxAP 58.5. No tuned value is known: the learning rate is that of CUB, second-hand. Not run here.
    python tools/train.py configs/cam/cam_resnet50_openimages.py
"""

from mmengine.config import read_base

with read_base():
    from .cam_resnet50_cub import *
    from .._base_.datasets.openimages import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.head.update(num_classes=num_classes)
