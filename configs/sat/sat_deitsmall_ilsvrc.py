"""SAT, DeiT-Small, ILSVRC: one epoch, total batch 512 (4 GPUs of 128), area 0.35 of each process.

Published (protocol `sat` at 0.30): Top-1 / Top-5 / GT-known Loc 60.15 / 70.52 / 73.13.

    python tools/train.py configs/sat/sat_deitsmall_ilsvrc.py
"""

from mmengine.config import read_base

with read_base():
    from .sat_deitsmall_cub import *
    from .._base_.datasets.ilsvrc import *

optim_wrapper.optimizer.update(lr=1.5e-5)
model.head.update(num_classes=num_classes)
model.head.loss_area.update(target=0.35, reduction='per_rank')
train_cfg.update(max_epochs=1, val_interval=1)
train_dataloader.update(batch_size=128, drop_last=True)
val_evaluator.update(protocols=[dict(name='sat', threshold=0.30, threshold_source='fixed'), 'choe_v2'])
test_evaluator = val_evaluator
