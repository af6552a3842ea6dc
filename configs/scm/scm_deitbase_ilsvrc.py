"""SCM, DeiT-Base, ILSVRC, total batch 512 (8 GPUs of 64).

No figure is published.

    python tools/train.py configs/scm/scm_deitbase_ilsvrc.py
"""

from mmengine.config import read_base

with read_base():
    from .scm_deitbase_cub import *
    from .._base_.datasets.ilsvrc_direct import *
    from .._base_.schedules.tscam_ilsvrc import *

optim_wrapper.optimizer.update(lr=1e-6)
model.head.update(num_classes=num_classes)
# as in the authors' run: DeiT's classifier bias stays, its weight does not fit
model.head.init_cfg = dict(backbone.init_cfg, rename={'head.': 'semantic.'}, only=['semantic.bias'])
train_dataloader.update(batch_size=64)
train_cfg.update(max_epochs=10)
param_scheduler[0].update(milestones=[9])
val_evaluator.update(protocols=['scm', 'choe_v2'])
test_evaluator = val_evaluator
