"""DA-WSOL, EfficientNet-Lite0 (timm), input 160, CUB-200-2011, beside the BAS configuration of the same backbone.

Nothing is published for it; made for a CPU. The last layer is linear: the universum loss shrinks magnitudes. 10x10 maps hold
few pixels of each kind: 8 samples of each domain. Loss weights as on ResNet-50, not tuned.
    python tools/train.py configs/dawsol/dawsol_efficientnetlite0_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_mobilenetv1_cub import *
    from .._base_.datasets.cub_160 import *  # after the parent, whose data and backbone they replace
    from .._base_.backbones.efficientnet_lite0 import *

backbone.update(out_indices=(-1,))
model.update(data_preprocessor=data_preprocessor, backbone=backbone, channels_last=True)
model.head.update(in_channels=out_channels)
model.head.assigner.update(num_samples=8)
model.head.loss_universum.update(signed=True)
train_cfg.update(max_epochs=10, val_interval=5)
param_scheduler[0].update(milestones=[8])
