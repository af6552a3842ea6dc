"""CUB-200-2011 at a smaller input for quick runs: resize to 184x184, crop 160x160."""

from mmengine.config import read_base

with read_base():
    from .cub import *

train_pipeline[1].update(scale=(184, 184))
train_pipeline[2].update(crop_size=160)
test_pipeline[1].update(scale=(184, 184))
test_pipeline[2].update(crop_size=160)
ten_crop_pipeline[1].update(scale=(184, 184))
ten_crop_pipeline[2].update(crop_size=160)
train_dataloader.update(batch_size=16)
train_dataloader.dataset.update(pipeline=train_pipeline)
val_dataloader.dataset.update(pipeline=test_pipeline)
test_dataloader = val_dataloader
