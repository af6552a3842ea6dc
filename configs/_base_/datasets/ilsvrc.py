"""ILSVRC in the frame of BAS and SAT: resize to 256x256, crop 224x224; tested on its 50,000 validation images.

The images lie in `$MMWSOL_DATA_ROOT/ILSVRC/{train,val}`, the boxes where `mmwsol.datasets.ILSVRC` finds them: wsolevaluation's
`$MMWSOL_DATA_ROOT/metadata/ILSVRC/test`, XML, or a list.
"""

from mmengine.config import read_base

from mmwsol.datasets import ILSVRC

with read_base():
    from .cub import *

num_classes = 1000
train_dataloader.update(num_workers=8)
train_dataloader.dataset = dict(type=ILSVRC, split='train', pipeline=train_pipeline)
val_dataloader.update(num_workers=8)
val_dataloader.dataset = dict(type=ILSVRC, split='test', test_mode=True, pipeline=test_pipeline)
test_dataloader = val_dataloader
