"""SGD of BAS: Nesterov, weight decay on everything, biases at 2x and new layers at 10x the learning rate.

120 epochs with one drop at 80: the extension's schedule for CUB.
"""

from mmengine.optim import MultiStepLR, OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import SGD

from mmwsol.engine.optimizers import RoleOptimWrapperConstructor

optim_wrapper = dict(
    type=OptimWrapper,
    constructor=RoleOptimWrapperConstructor,
    optimizer=dict(type=SGD, lr=1e-3, momentum=0.9, weight_decay=5e-4, nesterov=True),
    paramwise_cfg=dict(
        roles=[dict(name='backbone', match='backbone'), dict(name='head', match='head', lr_mult=10.0)],
        bias_lr_mult=2.0,
    ),
)
param_scheduler = [dict(type=MultiStepLR, milestones=[80], gamma=0.1, by_epoch=True)]

train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=120, val_interval=10)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
