"""ToyShapes scored by its masks too: PxAP, pIoU and mask IoU beside the boxes' numbers."""

from mmengine.config import read_base

from mmwsol.evaluation.metrics import PixelMetric

with read_base():
    from .toy_shapes import *

val_evaluator = [val_evaluator, dict(type=PixelMetric, protocols=['choe_v2'])]
test_evaluator = val_evaluator
