from .geometry import CenterCrop, RandomCrop, RandomFlip, Resize, TenCrop
from .loading import LoadLocImage, UnreadableImageError
from .packing import PackLocInputs

__all__ = [
    'CenterCrop',
    'LoadLocImage',
    'PackLocInputs',
    'RandomCrop',
    'RandomFlip',
    'Resize',
    'TenCrop',
    'UnreadableImageError',
]
