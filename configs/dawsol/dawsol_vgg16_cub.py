"""DA-WSOL, VGG16, CUB-200-2011 (method: Zhu et al., CVPR 2022).

Published: nothing for VGG16. CAM's learning rate and the loss weights of the ILSVRC configuration, both second-hand
(unverified copies). Not run here.
    python tools/train.py configs/dawsol/dawsol_vgg16_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_resnet50_cub import *
    from .._base_.backbones.vgg16 import *  # after the parent, whose backbone it replaces

backbone.update(strides=(1, 2, 2, 2, 2), out_indices=(-1,))
model.backbone = backbone  # update() would merge it
model.head.update(in_channels=512, hidden_channels=(1024,))
model.head.init_cfg = dict(type='Kaiming', layer='Conv2d')
model.head.loss_da.update(loss_weight=0.1)
model.head.loss_universum.update(loss_weight=0.3)
optim_wrapper.optimizer.update(lr=1.268269e-05, weight_decay=5e-4)
