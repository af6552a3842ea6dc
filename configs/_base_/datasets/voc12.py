"""PASCAL VOC 2012: trained on `train_aug` (10,582 images), tested on `val` (1,449); boxes and masks.

The data lie in `$MMWSOL_DATA_ROOT/VOCdevkit/VOC2012`. The class of a training image is one of its classes, drawn anew each time (BAS, IJCV 2023); a test
has a sample for each class of an image, located by that class's boxes and mask alone. GT-known and PxAP are what to read: an image of
several classes has no single right answer for Top-1.
"""

from mmengine.config import read_base

from mmwsol.datasets import VOC12
from mmwsol.evaluation.metrics import LocalizationMetric, PixelMetric

with read_base():
    from .cub_direct import *

num_classes = 20
train_dataloader.update(num_workers=8)
train_dataloader.dataset = dict(type=VOC12, split='train_aug', labels='random', pipeline=train_pipeline)
val_dataloader.update(num_workers=8)
val_dataloader.dataset = dict(
    type=VOC12, split='val', test_mode=True, labels='each', masks=True, pipeline=test_pipeline
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type=LocalizationMetric, protocols=['choe_v2']),
    dict(type=PixelMetric, protocols=['choe_v2']),
]
test_evaluator = val_evaluator
