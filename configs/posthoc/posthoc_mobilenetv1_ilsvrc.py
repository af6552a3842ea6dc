"""MobileNetV1 with its ImageNet classifier, ILSVRC, in TensorFlow's form (7x7 maps): CAM, or post-hoc maps by `--maps`; no training.

    python tools/test.py configs/posthoc/posthoc_mobilenetv1_ilsvrc.py pretrained
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.mobilenet_v1 import *
    from .._base_.datasets.ilsvrc_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.cam import *
    from .._base_.schedules.wsolevaluation_cub import *
    from .._base_.schedules.wsolevaluation_ilsvrc import *

weights = dict(type='Pretrained', checkpoint='mobilenet_v1_1.0_224.pth')
backbone.update(strides=(2, 2, 2, 2, 2), tensorflow=True, out_indices=(-1,), init_cfg=weights)
model.update(backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=out_channels)
model.head.init_cfg = weights
val_evaluator.update(protocols=['choe_v2', dict(name='tscam', threshold=0.12)])
test_evaluator = val_evaluator
