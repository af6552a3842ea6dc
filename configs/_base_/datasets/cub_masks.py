"""CUB-200-2011 as `cub_direct`, scored by Caltech's segmentations too: PxAP, pIoU and mask IoU beside the boxes' numbers.

They lie in `$MMWSOL_DATA_ROOT/CUB_200_2011/segmentations` (`tools/data_preparation/prepare.py cub_masks`).
"""

from mmengine.config import read_base

from mmwsol.evaluation.metrics import PixelMetric

with read_base():
    from .cub_direct import *

val_dataloader.dataset.update(mask_root='CUB_200_2011/segmentations')
test_dataloader = val_dataloader
val_evaluator = [val_evaluator, dict(type=PixelMetric, protocols=['choe_v2'])]
test_evaluator = val_evaluator
