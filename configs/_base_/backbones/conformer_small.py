"""Conformer-S as TS-CAM and SCM use it: a convolutional and a transformer branch, 14x14 patches at input 224.

Weights: `Conformer_small_patch16.pth` of the Conformer authors in `$MMWSOL_WEIGHTS_ROOT` (default `weights/`).
"""

from mmwsol.models.backbones import Conformer

backbone = dict(
    type=Conformer,
    drop_path_rate=0.1,
    init_cfg=dict(type='Pretrained', checkpoint='Conformer_small_patch16.pth'),
)
out_channels = 384
conv_channels = 1024
