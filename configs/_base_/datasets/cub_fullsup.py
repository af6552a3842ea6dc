"""FULLY SUPERVISED: trains on the boxes of five images a class of CUBV2 (train-fullsup), tests as cub_direct.

The images of CUBV2 and their metadata lie as `mmwsol.datasets.CUB` expects its split `val`.
"""

from mmengine.config import read_base

from mmwsol.datasets import CUB, FullySupervised

with read_base():
    from .cub_direct import *

labelled = dict(type=CUB, split='val', test_mode=True, pipeline=train_pipeline)
train_dataloader.dataset = dict(type=FullySupervised, dataset=labelled, images_per_class=5)  # update() would merge it
