"""Stanford Dogs: 12,000 training and 8,580 test images of 120 classes, in the frame of BAS and SAT.

The data lie in `$MMWSOL_DATA_ROOT/Stanford_Dogs`. The images are from ImageNet, so weights trained on it may have seen test
images. There is no validation split.
"""

from mmengine.config import read_base

from mmwsol.datasets import StanfordDogs

with read_base():
    from .cub import *

num_classes = 120
train_dataloader.dataset = dict(type=StanfordDogs, split='train', pipeline=train_pipeline)
val_dataloader.dataset = dict(type=StanfordDogs, split='test', test_mode=True, pipeline=test_pipeline)
test_dataloader = val_dataloader
