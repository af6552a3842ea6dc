"""AdamW of SAT: 30 epochs at a constant 1e-4 (the declared cosine never ran); no decay of vectors, but of all tokens."""

from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import AdamW

from mmwsol.engine.optimizers import RoleOptimWrapperConstructor

optim_wrapper = dict(
    type=OptimWrapper,
    constructor=RoleOptimWrapperConstructor,
    optimizer=dict(type=AdamW, lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(vector_decay_mult=0.0),
)
param_scheduler = []

train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=30, val_interval=5)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
