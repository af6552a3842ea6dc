"""SCM, Conformer-S, CUB-200-2011: four diffusion steps in every block, and also at test.

No figure is published.

    python tools/train.py configs/scm/scm_conformersmall_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.conformer_small import *
    from .._base_.datasets.cub_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.scm import *
    from .._base_.schedules.tscam_cub import *

backbone.update(attention='always')
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels, conv_channels=conv_channels)
model.head.init_cfg = [dict(type='Kaiming', layer='Conv2d'), dict(type='TruncNormal', layer='Linear', std=0.02)]
model.head.update(diffuse_at_test=True)
model.head.diffusion.update(steps=(4, 4, 4, 4))
optim_wrapper.paramwise_cfg.roles[0].update(match='backbone.cls_token$')
train_cfg.update(max_epochs=30)
param_scheduler[0].update(milestones=[29])
train_dataloader.update(batch_size=256, num_workers=4)
val_evaluator.update(protocols=['scm', 'choe_v2'])
test_evaluator = val_evaluator
