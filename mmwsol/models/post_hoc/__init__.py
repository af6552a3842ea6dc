from .bag_cams import BagCAMs, bag_maps
from .grad_cam_plus_plus import GradCAMPlusPlus
from .gradient_maps import GradientMaps, gradient_leaf
from .post_hoc_maps import PostHocMaps
from .torch_cam import TorchCAM

__all__ = [
    'BagCAMs',
    'GradCAMPlusPlus',
    'GradientMaps',
    'PostHocMaps',
    'TorchCAM',
    'bag_maps',
    'gradient_leaf',
]
