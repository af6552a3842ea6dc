"""OpenImages30k in wsolevaluation's metadata layout, with masks; tested on the whole image resized to 224x224.

The images and the masks lie in `$MMWSOL_DATA_ROOT/OpenImages`, the metadata in
`$MMWSOL_DATA_ROOT/metadata/OpenImages/{train,val,test}`. `localization.txt` points to the masks: PxAP instead of boxes. Epochs are
scored on `val`, 2500 images, and the result on `test`, 5000.
"""

from mmengine.config import read_base

from mmwsol.datasets import OpenImages30k
from mmwsol.evaluation.metrics import LocalizationMetric, PixelMetric

with read_base():
    from .cub import *
    from .cub_direct import test_pipeline  # after cub, whose pipeline it replaces

num_classes = 100
train_dataloader.update(num_workers=8)
train_dataloader.dataset = dict(type=OpenImages30k, split='train', pipeline=train_pipeline)
val_dataloader.update(num_workers=8)
val_dataloader.dataset = dict(type=OpenImages30k, split='val', test_mode=True, pipeline=test_pipeline)
test_dataloader = dict(val_dataloader, dataset=dict(val_dataloader.dataset, split='test'))

# without boxes the second one reports classification only
val_evaluator = [
    dict(type=PixelMetric, protocols=['choe_v2']),
    dict(type=LocalizationMetric, protocols=['choe_v2']),
]
test_evaluator = val_evaluator
