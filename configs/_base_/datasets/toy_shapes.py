"""ToyShapes: 480 training and 160 test pictures of 128x128 in 8 classes, drawn at first use; crop 112x112."""

from mmengine.config import read_base

from mmwsol.datasets import ToyShapes

with read_base():
    from .cub import *

num_classes = 8
train_pipeline[1].update(scale=(128, 128))
train_pipeline[2].update(crop_size=112)
test_pipeline[1].update(scale=(128, 128))
test_pipeline[2].update(crop_size=112)
ten_crop_pipeline[1].update(scale=(128, 128))
ten_crop_pipeline[2].update(crop_size=112)
train_dataloader.dataset = dict(type=ToyShapes, split='train', num_classes=8, pipeline=train_pipeline)
val_dataloader.dataset = dict(type=ToyShapes, split='test', num_classes=8, test_mode=True, pipeline=test_pipeline)
test_dataloader = val_dataloader
