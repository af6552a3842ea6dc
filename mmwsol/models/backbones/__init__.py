from .inception_v3 import InceptionV3
from .mobilenet_v1 import MobileNetV1
from .resnet import ResNet
from .staged_backbone import StagedBackbone
from .timm_backbone import TimmBackbone
from .vgg import VGG16

__all__ = ['VGG16', 'InceptionV3', 'MobileNetV1', 'ResNet', 'StagedBackbone', 'TimmBackbone']
