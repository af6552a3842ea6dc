"""Frozen DINOv2 ViT-S/14 of timm: 16x16 patches at input 224, position embeddings of 518x518 interpolated."""

from mmwsol.models.backbones import ViTBackbone

backbone = dict(
    type=ViTBackbone,
    name='vit_small_patch14_dinov2',
    frozen=True,
    init_cfg=dict(type='Pretrained', checkpoint='timm://vit_small_patch14_dinov2'),
)
out_channels = 384
