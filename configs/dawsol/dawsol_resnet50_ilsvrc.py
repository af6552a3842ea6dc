"""DA-WSOL, ResNet-50 with the large feature map (28x28), ILSVRC (Zhu et al., CVPR 2022), values of the authors' script.

Published: GT-known 70.27, Top-1 Loc 43.26 (55.84 with a second classifier), MaxBoxAccV2 68.23. Not run here.
    tools/dist_train.sh configs/dawsol/dawsol_resnet50_ilsvrc.py 4
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_resnet50_cub import *
    from .._base_.datasets.ilsvrc_direct import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.head.update(num_classes=num_classes)
model.head.loss_universum.update(loss_weight=3.0)
optim_wrapper.optimizer.update(lr=1e-5)
train_dataloader.update(batch_size=8)
