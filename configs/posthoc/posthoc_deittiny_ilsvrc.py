"""DeiT-Tiny with its ImageNet classifier, ILSVRC: class token attention, or post-hoc maps by `--maps`; no training.

    python tools/test.py configs/posthoc/posthoc_deittiny_ilsvrc.py pretrained
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.deit_tiny import *
    from .._base_.datasets.ilsvrc_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.class_token import *
    from .._base_.schedules.wsolevaluation_cub import *
    from .._base_.schedules.wsolevaluation_ilsvrc import *

backbone.update(return_class_token=True, attention='test')
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
model.head.init_cfg = dict(backbone.init_cfg, rename={'head.': 'fc.'})
val_evaluator.update(protocols=['choe_v2', dict(name='tscam', threshold=0.12)])
test_evaluator = val_evaluator
