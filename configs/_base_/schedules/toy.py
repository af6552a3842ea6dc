"""AdamW for small networks from random weights on the drawn data: 12 epochs, one cosine."""

from mmengine.optim import CosineAnnealingLR, OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import AdamW

optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=AdamW, lr=2e-3, weight_decay=0.05))
param_scheduler = [dict(type=CosineAnnealingLR, T_max=12, eta_min=1e-5, by_epoch=True)]

train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=12, val_interval=6)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
