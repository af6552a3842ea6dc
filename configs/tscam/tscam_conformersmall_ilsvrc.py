"""TS-CAM, Conformer-S, ILSVRC, total batch 128 (8 GPUs of 16).

No figure is published.

    python tools/train.py configs/tscam/tscam_conformersmall_ilsvrc.py
"""

from mmengine.config import read_base

with read_base():
    from .tscam_conformersmall_cub import *
    from .._base_.datasets.ilsvrc_direct import *
    from .._base_.schedules.tscam_ilsvrc import *

optim_wrapper.optimizer.update(lr=5e-4)
model.head.update(num_classes=num_classes)
# as in the authors' run: both classifiers are Conformer's own but for the 3x3 weight
pretrained_head = dict(
    backbone.init_cfg,
    rename={'conv_cls_head.': 'conv_classifier.', 'trans_cls_head.': 'semantic.'},
    only=['conv_classifier', 'semantic.bias'],
)
model.head.init_cfg = [*model.head.init_cfg, pretrained_head]
train_dataloader.update(batch_size=16)
val_evaluator.update(protocols=[dict(name='tscam', threshold=0.12), 'choe_v2'])
test_evaluator = val_evaluator
