"""iNatLoc500 in wsolevaluation's metadata layout and frame: 500 species; epochs are scored on `val`, the result on `test`.

The images lie in `$MMWSOL_DATA_ROOT/iNatLoc500`, the metadata in `$MMWSOL_DATA_ROOT/metadata/iNatLoc500/{train,val,test}`. Any other
data set in that layout is read by the same lines.
"""

from mmengine.config import read_base

from mmwsol.datasets import WSOLMetadata

with read_base():
    from .cub_direct import *

num_classes = 500
dataset = dict(type=WSOLMetadata, data_root='iNatLoc500', num_classes=num_classes)
train_dataloader.update(num_workers=8)
train_dataloader.dataset = dict(dataset, ann_dir='metadata/iNatLoc500/train', pipeline=train_pipeline)
val_dataloader.update(num_workers=8)
val_dataloader.dataset = dict(dataset, ann_dir='metadata/iNatLoc500/val', test_mode=True, pipeline=test_pipeline)
test_dataloader = dict(val_dataloader, dataset=dict(val_dataloader.dataset, ann_dir='metadata/iNatLoc500/test'))
