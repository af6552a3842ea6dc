"""DA-WSOL, VGG16, OpenImages30k (method: Zhu et al., CVPR 2022).

Published: nothing for VGG16. CAM's learning rate and the loss weights of the ILSVRC configuration, both second-hand
(unverified copies). Not run here.
    python tools/train.py configs/dawsol/dawsol_vgg16_openimages.py
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_vgg16_cub import *
    from .._base_.datasets.openimages import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.head.update(num_classes=num_classes)
optim_wrapper.optimizer.update(lr=2.27913316e-3)
