"""DA-WSOL, InceptionV3 with the large feature map (28x28), CUB-200-2011 (Zhu et al., CVPR 2022), values of the authors' script.

Published: GT-known 80.03, Top-1 Loc 65.94 with a second classifier, MaxBoxAccV2 68.01. Not run here.
    python tools/train.py configs/dawsol/dawsol_inceptionv3_cub.py
"""

from mmengine.config import read_base

with read_base():
    from .dawsol_resnet50_cub import *
    from .._base_.backbones.inception_v3 import *  # after the parent, whose backbone it replaces

backbone.update(num_stages=3, out_indices=(-1,))
model.backbone = backbone  # update() would merge it
model.head.update(in_channels=768, hidden_channels=(1024, 1024), dropout=0.5, warmup_epochs=6)
model.head.loss_da.update(loss_weight=1.4)
model.head.loss_universum.update(loss_weight=4.0)
optim_wrapper.optimizer.update(lr=2e-3, weight_decay=5e-4)
