"""BAS, EfficientNet-Lite0 (timm) with a narrow classifier, input 160, CUB-200-2011: our quick configuration.

Nothing is published for it; it is made for a CPU.
Measured on birds-23 (seeds 6, 7, 8, CPU): bas_ext GT-known 68.3 ± 2.0, Top-1 Loc 50.8 ± 1.0, MaxBoxAccV2 78.5 ± 2.0.
    python tools/train.py configs/bas/bas_efficientnetlite0_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .bas_mobilenetv1_cub import *
    from .._base_.datasets.cub_160 import *  # after the parent, whose data and backbone they replace
    from .._base_.backbones.efficientnet_lite0 import *

model.update(data_preprocessor=data_preprocessor, channels_last=True)
model.backbone = backbone  # update() would merge it
model.head.update(
    in_channels=out_channels,
    split_channels=split_channels,
    split_stage=split_stage,
    hidden_channels=256,
)
train_cfg.update(max_epochs=10, val_interval=5)
param_scheduler[0].update(milestones=[8])
val_evaluator.update(protocols=[dict(name='bas_ext', threshold=0.10, topk=80), 'choe_v2'])
test_evaluator = val_evaluator
