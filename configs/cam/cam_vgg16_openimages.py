"""CAM, VGG16, OpenImages30k, with wsolevaluation's recipe and frame.

Published: PxAP 58.3. The learning rate is that of the example in wsolevaluation's README, second-hand and not that of the
published figure. Not run here.
    python tools/train.py configs/cam/cam_vgg16_openimages.py
"""

from mmengine.config import read_base

with read_base():
    from .cam_vgg16_cub import *
    from .._base_.datasets.openimages import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.head.update(num_classes=num_classes)
optim_wrapper.optimizer.update(lr=2.27913316e-3)
