"""AdamW of TS-CAM on CUB: 60 epochs at 5e-5, a tenth before the epochs 30 and 60; no decay of vectors, positions, class token."""

from mmengine.optim import MultiStepLR, OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import AdamW

from mmwsol.engine.optimizers import RoleOptimWrapperConstructor

optim_wrapper = dict(
    type=OptimWrapper,
    constructor=RoleOptimWrapperConstructor,
    optimizer=dict(type=AdamW, lr=5e-5, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(
        roles=[dict(name='tokens', match=r'backbone\..*(cls_token|pos_embed)$', decay_mult=0.0)],
        vector_decay_mult=0.0,
    ),
)
param_scheduler = [dict(type=MultiStepLR, milestones=[29, 59], gamma=0.1, by_epoch=True)]

train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=60, val_interval=10)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
