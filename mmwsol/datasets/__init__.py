from . import transforms
from .cub import CUB
from .data_root import resolve_data_path
from .image_folder import ImageFolder
from .toy_shapes import ToyShapes
from .wsol_dataset import WSOLDataset
from .wsol_metadata import WSOLMetadata

__all__ = [
    'CUB',
    'ImageFolder',
    'ToyShapes',
    'WSOLDataset',
    'WSOLMetadata',
    'resolve_data_path',
    'transforms',
]
