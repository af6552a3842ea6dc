"""DA-WSOL, VGG16, ILSVRC (method: Zhu et al., CVPR 2022).

Published: no result. The values are second-hand (a script of the method's successor, unverified). Not run here.
    tools/dist_train.sh configs/dawsol/dawsol_vgg16_ilsvrc.py 4
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_vgg16_cub import *
    from .._base_.datasets.ilsvrc_direct import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.head.update(num_classes=num_classes)
optim_wrapper.optimizer.update(lr=1.7e-5)
train_dataloader.update(batch_size=8)
