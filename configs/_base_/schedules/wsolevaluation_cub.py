"""SGD of wsolevaluation on CUB: Nesterov, 50 epochs, the learning rate drops before the epochs 15, 30 and 45."""

from mmengine.optim import MultiStepLR, OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import SGD

from mmwsol.engine.optimizers import RoleOptimWrapperConstructor

optim_wrapper = dict(
    type=OptimWrapper,
    constructor=RoleOptimWrapperConstructor,
    optimizer=dict(type=SGD, lr=1e-3, momentum=0.9, weight_decay=1e-4, nesterov=True),
    paramwise_cfg=dict(roles=[dict(name='classifier', match='head', lr_mult=10.0)]),
)
param_scheduler = [dict(type=MultiStepLR, milestones=[14, 29, 44], gamma=0.1, by_epoch=True)]

train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=50, val_interval=10)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
