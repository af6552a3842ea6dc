"""Stanford Cars: 8,144 training and 8,041 test images of 196 classes, in the frame of BAS and SAT.

The data lie in `$MMWSOL_DATA_ROOT/Stanford_Cars`, in any layout of docs/datasets.md. There is no validation split.
"""

from mmengine.config import read_base

from mmwsol.datasets import StanfordCars

with read_base():
    from .cub import *

num_classes = 196
train_dataloader.dataset = dict(type=StanfordCars, split='train', pipeline=train_pipeline)
val_dataloader.dataset = dict(type=StanfordCars, split='test', test_mode=True, pipeline=test_pipeline)
test_dataloader = val_dataloader
