"""FGVC Aircraft: trained on train and val (6,667 images of 100 variants), tested on test (3,333); the frame of BAS and SAT.

The data lie in `$MMWSOL_DATA_ROOT/fgvc-aircraft-2013b`. To choose on boxes without those of test, train on `train` and validate on `val`.
"""

from mmengine.config import read_base

from mmwsol.datasets import FGVCAircraft

with read_base():
    from .cub import *

num_classes = 100
train_dataloader.dataset = dict(type=FGVCAircraft, split='trainval', pipeline=train_pipeline)
val_dataloader.dataset = dict(type=FGVCAircraft, split='test', test_mode=True, pipeline=test_pipeline)
test_dataloader = val_dataloader
