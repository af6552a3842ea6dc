"""COCO 2014: trained on the 82,081 annotated images of train2014, tested on the 40,137 of val2014; labels, boxes and masks as with VOC12.

The data lie in `$MMWSOL_DATA_ROOT/coco`.
"""

from mmengine.config import read_base

from mmwsol.datasets import COCO14

with read_base():
    from .voc12 import *

num_classes = 80
train_dataloader.dataset.update(type=COCO14, split='train')
val_dataloader.dataset.update(type=COCO14)
test_dataloader = val_dataloader
