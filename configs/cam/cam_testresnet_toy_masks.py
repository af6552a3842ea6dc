"""CAM on the drawn data, scored by masks too: PxAP, pIoU and mask IoU beside the boxes' numbers.

    python tools/train.py configs/cam/cam_testresnet_toy_masks.py
"""

from mmengine.config import read_base

from mmwsol.evaluation.metrics import PixelMetric

with read_base():
    from .cam_testresnet_toy import *

val_evaluator = [val_evaluator, dict(type=PixelMetric, protocols=['choe_v2'])]
test_evaluator = val_evaluator
