"""Ten epochs, the learning rate drops before the epochs 3, 6 and 9 (wsolevaluation on ILSVRC and OpenImages)."""

from mmengine.optim import MultiStepLR
from mmengine.runner import EpochBasedTrainLoop

param_scheduler = [dict(type=MultiStepLR, milestones=[2, 5, 8], gamma=0.1, by_epoch=True)]
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=10, val_interval=1)
