"""FULLY SUPERVISED: trains on the masks of five images a class of OpenImages30k's `val` (train-fullsup), tests as openimages.

Epochs are scored on `test`, since `val` is trained on; none of them is chosen.
"""

from mmengine.config import read_base

from mmwsol.datasets import FullySupervised, OpenImages30k

with read_base():
    from .openimages import *

labelled = dict(type=OpenImages30k, split='val', test_mode=True, pipeline=train_pipeline)
train_dataloader.dataset = dict(type=FullySupervised, dataset=labelled, images_per_class=5)  # update() would merge it
val_dataloader = test_dataloader
