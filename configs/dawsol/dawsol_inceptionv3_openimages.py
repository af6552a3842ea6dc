"""DA-WSOL, InceptionV3 with the large feature map (28x28), OpenImages30k (Zhu et al., CVPR 2022), values of the authors' script.

Published: PxAP 64.46, pIoU 48.01. Not run here.
    python tools/train.py configs/dawsol/dawsol_inceptionv3_openimages.py
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_inceptionv3_cub import *
    from .._base_.datasets.openimages import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.head.update(num_classes=num_classes, warmup_epochs=1)
model.head.loss_da.update(loss_weight=0.1)
model.head.loss_universum.update(loss_weight=0.5)
optim_wrapper.optimizer.update(lr=1e-3)
