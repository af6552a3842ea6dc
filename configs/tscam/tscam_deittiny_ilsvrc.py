"""TS-CAM, DeiT-Tiny, ILSVRC; 8 GPUs of 16 images keep the total batch of 128.

No figure is published.

    python tools/train.py configs/tscam/tscam_deittiny_ilsvrc.py
"""

from mmengine.config import read_base

with read_base():
    from .tscam_deittiny_cub import *
    from .._base_.datasets.ilsvrc_direct import *
    from .._base_.schedules.tscam_ilsvrc import *

optim_wrapper.optimizer.update(lr=5e-4)
model.head.update(num_classes=num_classes)
# as in the authors' run: DeiT's classifier bias stays, its weight does not fit
model.head.init_cfg = dict(backbone.init_cfg, rename={'head.': 'semantic.'}, only=['semantic.bias'])
train_dataloader.update(batch_size=16)
val_evaluator.update(protocols=[dict(name='tscam', threshold=0.12), 'choe_v2'])
test_evaluator = val_evaluator
