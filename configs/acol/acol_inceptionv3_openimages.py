"""ACoL, InceptionV3 with the large feature map (28x28), OpenImages30k, with wsolevaluation's recipe and frame.

Published: PxAP 57.2. No tuned values are known: the method's and the learning rate are those of CUB, second-hand.
Not run here.
    python tools/train.py configs/acol/acol_inceptionv3_openimages.py
"""

from mmengine.config import read_base

with read_base():
    from .acol_inceptionv3_cub import *
    from .._base_.datasets.openimages import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.head.update(num_classes=num_classes)
