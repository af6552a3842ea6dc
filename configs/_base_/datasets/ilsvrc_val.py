"""ILSVRC in the frame of BAS and SAT; validated on ImageNetV2 with boxes, 10,000 images (train-fullsup), so that no test box chooses anything."""

from mmengine.config import read_base

with read_base():
    from .ilsvrc import *

val_dataloader = dict(val_dataloader, dataset=dict(val_dataloader.dataset, split='val'))
