"""DA-WSOL, ResNet-50 with a 14x14 map, OpenImages30k (Zhu et al., CVPR 2022), values of the authors' script.

Published: PxAP 65.42, pIoU 49.68. Not run here.
    python tools/train.py configs/dawsol/dawsol_resnet50_openimages.py
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_resnet50_cub import *
    from .._base_.datasets.openimages import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.backbone.update(strides=(1, 2, 2, 1))
model.head.update(num_classes=num_classes)
model.head.loss_da.update(loss_weight=0.2)
model.head.loss_universum.update(loss_weight=3.0)
