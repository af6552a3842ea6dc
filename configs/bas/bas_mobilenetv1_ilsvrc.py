"""BAS, MobileNetV1, ILSVRC, with the values of the extension (IJCV 2023); 128 images a step on 4 GPUs.

Published (ten-crop, last epoch): Top-1 / Top-5 / GT-known Loc 53.05 / 66.68 / 72.03. Not run here.
    tools/dist_train.sh configs/bas/bas_mobilenetv1_ilsvrc.py 4
"""

from mmengine.config import read_base

with read_base():
    from .bas_mobilenetv1_cub import *
    from .._base_.datasets.ilsvrc import *  # after the parent, whose data it replaces
    from .._base_.schedules.bas_ilsvrc import *

model.head.update(num_classes=num_classes, topk=5, frg_weight=0.5)
model.head.loss_bas.update(replaced_value=1.0)
model.head.loss_area.update(loss_weight=1.5)
train_dataloader.update(batch_size=32)
val_evaluator.update(protocols=[dict(name='bas_ext', threshold=0.50, topk=1), 'choe_v2'])
test_evaluator = val_evaluator
