"""BAS, ResNet-50, CUB-200-2011, the CVPR 2022 release: final ReLU in the classifier, 100 epochs.

Published (ten-crop, last epoch): Top-1 / Top-5 / GT-known Loc 77.25 / 90.08 / 95.13.
    python tools/train.py configs/bas/bas_resnet50_cub_cvpr.py
"""

from mmengine.config import read_base

with read_base():
    from .bas_resnet50_cub import *

model.head.update(final_relu=True, topk=200, frg_weight=0.5)
model.head.loss_bas.update(relu=False, replaced_value=0.0, replace_equal=True)
model.head.loss_area.update(loss_weight=1.2)
train_cfg.update(max_epochs=100)
val_evaluator.update(protocols=[dict(name='bas', threshold=0.15, topk=200), 'choe_v2'])
test_evaluator = val_evaluator
