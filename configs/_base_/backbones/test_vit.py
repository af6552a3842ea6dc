"""timm's test_vit (0.4 M parameters, patch 16, six blocks), from random weights: for the drawn data. Input 112: 7x7 patches."""

from mmwsol.models.backbones import ViTBackbone

backbone = dict(type=ViTBackbone, name='test_vit', img_size=112)
out_channels = 64
