"""DeiT-Tiny of timm with ImageNet-1k weights: patch 16, position embeddings of 224x224, any multiple of 16 at run time."""

from mmwsol.models.backbones import ViTBackbone

backbone = dict(
    type=ViTBackbone,
    name='deit_tiny_patch16_224',
    drop_path_rate=0.1,
    init_cfg=dict(
        type='Pretrained', checkpoint='https://dl.fbaipublicfiles.com/deit/deit_tiny_patch16_224-a1311bcf.pth'
    ),
)
out_channels = 192
