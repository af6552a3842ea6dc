"""CUB-200-2011 in the frame of wsolevaluation: tested on the whole image resized to 224x224, not cropped."""

from mmengine.config import read_base

from mmwsol.datasets.transforms import LoadLocImage, PackLocInputs, Resize

with read_base():
    from .cub import *

test_pipeline = [
    dict(type=LoadLocImage),
    dict(type=Resize, scale=(224, 224)),
    dict(type=PackLocInputs),
]
val_dataloader.dataset.update(pipeline=test_pipeline)
test_dataloader = val_dataloader
val_evaluator.update(protocols=['choe_v1', 'choe_v2'])
test_evaluator = val_evaluator
