"""BagCAMs on MobileNetV1's last 14x14 map (stage 3) with its ImageNet classifier, ILSVRC: post-hoc maps by config; no training.

    python tools/test.py configs/posthoc/posthoc_mobilenetv1_ilsvrc_bagcams.py pretrained
"""

from mmengine.config import read_base

from mmwsol.models.post_hoc import BagCAMs

with read_base():
    from .posthoc_mobilenetv1_ilsvrc import *

model.update(maps=dict(type=BagCAMs, layer=3))
