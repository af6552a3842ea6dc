"""CAM, EfficientNet-Lite0 (timm), input 160, CUB-200-2011: our quick configuration, on what the network's own classifier reads.

The 1280 features behind the head convolution (ReLU6) are small: 5 times BAS's learning rate.
    python tools/train.py configs/cam/cam_efficientnetlite0_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .cam_mobilenetv1_cub import *
    from .._base_.datasets.cub_160 import *  # after the parent, whose data and backbone they replace
    from .._base_.backbones.efficientnet_lite0 import *

backbone.update(head_conv=True, out_indices=(-1,))
model.update(data_preprocessor=data_preprocessor)
model.backbone = backbone  # update() would merge it
model.head.update(in_channels=head_channels)
optim_wrapper.optimizer.update(lr=5e-3)
train_cfg.update(max_epochs=10, val_interval=5)
param_scheduler[0].update(milestones=[8])
