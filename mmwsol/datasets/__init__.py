from . import transforms
from .cub import CUB
from .data_root import resolve_data_path
from .ilsvrc import ILSVRC
from .image_folder import ImageFolder
from .open_images30k import OpenImages30k
from .published_dataset import PublishedDataset
from .toy_shapes import ToyShapes
from .wsol_dataset import WSOLDataset
from .wsol_metadata import WSOLMetadata

__all__ = [
    'CUB',
    'ILSVRC',
    'ImageFolder',
    'OpenImages30k',
    'PublishedDataset',
    'ToyShapes',
    'WSOLDataset',
    'WSOLMetadata',
    'resolve_data_path',
    'transforms',
]
