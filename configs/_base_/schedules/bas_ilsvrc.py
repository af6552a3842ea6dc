"""Nine epochs with drops at 3 and 6; batch norm over all processes (BAS-Extension on ILSVRC)."""

from mmengine.optim import MultiStepLR
from mmengine.runner import EpochBasedTrainLoop

param_scheduler = [dict(type=MultiStepLR, milestones=[3, 6], gamma=0.1, by_epoch=True)]
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=9, val_interval=9)
sync_bn = 'torch'
