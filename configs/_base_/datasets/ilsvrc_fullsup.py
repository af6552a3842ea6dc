"""FULLY SUPERVISED: trains on the boxes of ten images a class of ImageNetV2 (train-fullsup), tests as ilsvrc_direct.

The images of ImageNetV2 and their metadata lie as `mmwsol.datasets.ILSVRC` expects its split `val`.
"""

from mmengine.config import read_base

from mmwsol.datasets import ILSVRC, FullySupervised

with read_base():
    from .ilsvrc_direct import *

labelled = dict(type=ILSVRC, split='val', test_mode=True, pipeline=train_pipeline)
train_dataloader.dataset = dict(type=FullySupervised, dataset=labelled, images_per_class=10)  # update() would merge it
