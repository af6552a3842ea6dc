"""DA-WSOL, InceptionV3 with the large feature map (28x28), ILSVRC (Zhu et al., CVPR 2022), values of the authors' script.

Published: GT-known 69.11, Top-1 Loc 52.70 with a second classifier, MaxBoxAccV2 64.75. Not run here.
    tools/dist_train.sh configs/dawsol/dawsol_inceptionv3_ilsvrc.py 4
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_inceptionv3_cub import *
    from .._base_.datasets.ilsvrc_direct import *  # after the parent, whose data and schedule they replace
    from .._base_.schedules.wsolevaluation_ilsvrc import *

model.head.update(num_classes=num_classes, warmup_epochs=1)
model.head.loss_da.update(loss_weight=0.1)
model.head.loss_universum.update(loss_weight=0.3)
optim_wrapper.optimizer.update(lr=1e-3)
train_dataloader.update(batch_size=8)
