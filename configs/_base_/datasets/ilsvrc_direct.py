"""ILSVRC in the frame of wsolevaluation: tested on the whole image resized to 224x224, not cropped."""

from mmengine.config import read_base

with read_base():
    from .ilsvrc import *
    from .cub_direct import test_pipeline  # after ilsvrc, whose pipeline it replaces

val_dataloader.dataset.update(pipeline=test_pipeline)
test_dataloader = val_dataloader
val_evaluator.update(protocols=['choe_v1', 'choe_v2'])
test_evaluator = val_evaluator
