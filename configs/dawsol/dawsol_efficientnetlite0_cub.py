"""DA-WSOL, EfficientNet-Lite0 (timm), input 160, CUB-200-2011, with the features and the learning rate of the CAM configuration.

Nothing is published for it; made for a CPU. 10x10 maps hold few pixels of each kind: 8 samples of each domain. The features are
small, so the loss weights are larger than ResNet-50's; tried on five held-out training images of each class of birds-23
(docs/results.md).
    python tools/train.py configs/dawsol/dawsol_efficientnetlite0_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_mobilenetv1_cub import *
    from .._base_.datasets.cub_160 import *  # after the parent, whose data and backbone they replace
    from .._base_.backbones.efficientnet_lite0 import *

backbone.update(head_conv=True, out_indices=(-1,))
model.update(data_preprocessor=data_preprocessor)
model.backbone = backbone  # update() would merge it
model.head.update(in_channels=head_channels)
model.head.assigner.update(num_samples=8)
model.head.loss_da.update(loss_weight=1.0)
model.head.loss_universum.update(loss_weight=24.0)
optim_wrapper.optimizer.update(lr=5e-3)
train_cfg.update(max_epochs=10, val_interval=5)
param_scheduler[0].update(milestones=[8])
