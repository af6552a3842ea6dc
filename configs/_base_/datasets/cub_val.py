"""CUB-200-2011 in the frame of BAS and SAT; validated on CUBV2, 1,000 images (train-fullsup), so that no test box chooses anything."""

from mmengine.config import read_base

with read_base():
    from .cub import *

val_dataloader = dict(val_dataloader, dataset=dict(val_dataloader.dataset, split='val'))
