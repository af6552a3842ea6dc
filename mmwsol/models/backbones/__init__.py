from .conformer import Conformer
from .inception_v3 import InceptionV3
from .mobilenet_v1 import MobileNetV1
from .resnet import ResNet
from .spatial_token_vit import SpatialTokenViT
from .staged_backbone import StagedBackbone
from .timm_backbone import TimmBackbone
from .vgg import VGG16
from .vit import ViTBackbone

__all__ = [
    'VGG16',
    'Conformer',
    'InceptionV3',
    'MobileNetV1',
    'ResNet',
    'SpatialTokenViT',
    'StagedBackbone',
    'TimmBackbone',
    'ViTBackbone',
]
