"""BAS, VGG16, ILSVRC, with the values of the extension (IJCV 2023); 256 images a step on 4 GPUs.

Published (ten-crop, last epoch): Top-1 / Top-5 / GT-known Loc 52.94 / 65.38 / 69.66. Not run here.
    tools/dist_train.sh configs/bas/bas_vgg16_ilsvrc.py 4
"""

from mmengine.config import read_base

with read_base():
    from .bas_vgg16_cub import *
    from .._base_.datasets.ilsvrc import *  # after the parent, whose data it replaces
    from .._base_.schedules.bas_ilsvrc import *

model.head.update(num_classes=num_classes, topk=5, frg_weight=0.05)
model.head.loss_bas.update(replaced_value=0.0)
model.head.loss_area.update(loss_weight=1.0)
train_dataloader.update(batch_size=64)
val_evaluator.update(protocols=[dict(name='bas_ext', threshold=0.45, topk=1), 'choe_v2'])
test_evaluator = val_evaluator
