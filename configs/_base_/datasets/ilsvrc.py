"""ILSVRC in wsolevaluation's metadata layout, in the frame of BAS and SAT: resize to 256x256, crop 224x224.

The images lie in `$MMWSOL_DATA_ROOT/ILSVRC/{train,val}`, the metadata in `$MMWSOL_DATA_ROOT/metadata/ILSVRC/{train,test}`.
"""

from mmengine.config import read_base

from mmwsol.datasets import WSOLMetadata

with read_base():
    from .cub import *

num_classes = 1000
dataset = dict(type=WSOLMetadata, data_root='ILSVRC', num_classes=num_classes)
train_dataloader.update(num_workers=8)
train_dataloader.dataset = dict(dataset, ann_dir='metadata/ILSVRC/train', pipeline=train_pipeline)
val_dataloader.update(num_workers=8)
val_dataloader.dataset = dict(dataset, ann_dir='metadata/ILSVRC/test', test_mode=True, pipeline=test_pipeline)
test_dataloader = val_dataloader
