from .class_conv import class_conv2d
from .frozen_call import frozen_call
from .weight_init import ConvWeightNormal

__all__ = ['ConvWeightNormal', 'class_conv2d', 'frozen_call']
