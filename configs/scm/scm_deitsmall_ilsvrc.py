"""SCM, DeiT-Small, ILSVRC, total batch 512 (8 GPUs of 64).

Published (protocol `scm`): Top-1 / Top-5 / GT-known Loc 56.1 / 66.4 / 68.8.

    python tools/train.py configs/scm/scm_deitsmall_ilsvrc.py
"""

from mmengine.config import read_base

with read_base():
    from .scm_deitsmall_cub import *
    from .._base_.datasets.ilsvrc_direct import *
    from .._base_.schedules.tscam_ilsvrc import *

optim_wrapper.optimizer.update(lr=1e-6)
model.head.update(num_classes=num_classes)
# as in the authors' run: DeiT's classifier bias stays, its weight does not fit
model.head.init_cfg = dict(backbone.init_cfg, rename={'head.': 'semantic.'}, only=['semantic.bias'])
train_dataloader.update(batch_size=64)
val_evaluator.update(protocols=['scm', 'choe_v2'])
test_evaluator = val_evaluator
