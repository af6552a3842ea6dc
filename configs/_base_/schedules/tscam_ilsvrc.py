"""TS-CAM on ILSVRC: 20 epochs from 5e-4, a tenth before the epochs 10, 12 and 20."""

from mmengine.optim import MultiStepLR
from mmengine.runner import EpochBasedTrainLoop

param_scheduler = [dict(type=MultiStepLR, milestones=[9, 11, 19], gamma=0.1, by_epoch=True)]
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=20, val_interval=5)
