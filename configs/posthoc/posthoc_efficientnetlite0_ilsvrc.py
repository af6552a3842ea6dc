"""EfficientNet-Lite0 with its ImageNet classifier, ILSVRC (7x7 maps): CAM, or post-hoc maps by `--maps`; no training.

    python tools/test.py configs/posthoc/posthoc_efficientnetlite0_ilsvrc.py pretrained
"""

from mmengine.config import read_base

with read_base():
    from .._base_.backbones.efficientnet_lite0 import *
    from .._base_.datasets.ilsvrc_direct import *
    from .._base_.default_runtime import *
    from .._base_.models.cam import *
    from .._base_.schedules.wsolevaluation_cub import *
    from .._base_.schedules.wsolevaluation_ilsvrc import *

backbone.update(head_conv=True, out_indices=(-1,))
backbone.strides = None
model.update(data_preprocessor=data_preprocessor, backbone=backbone)
model.head.update(num_classes=num_classes, in_channels=head_channels)
model.head.init_cfg = dict(type='Pretrained', checkpoint='efficientnet_lite0.pth', rename={'_fc.': 'fc.'})
val_evaluator.update(protocols=['choe_v2', dict(name='tscam', threshold=0.12)])
test_evaluator = val_evaluator
