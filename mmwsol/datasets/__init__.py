from . import transforms
from .coco14 import COCO14
from .cub import CUB
from .data_root import resolve_data_path
from .fgvc_aircraft import FGVCAircraft
from .fully_supervised import FullySupervised
from .ilsvrc import ILSVRC
from .image_folder import ImageFolder
from .multi_label_dataset import MultiLabelDataset
from .open_images30k import OpenImages30k
from .published_dataset import PublishedDataset
from .stanford_cars import StanfordCars
from .stanford_dogs import StanfordDogs
from .toy_shapes import ToyShapes
from .voc12 import VOC12
from .wsol_dataset import WSOLDataset
from .wsol_metadata import WSOLMetadata

__all__ = [
    'COCO14',
    'CUB',
    'ILSVRC',
    'VOC12',
    'FGVCAircraft',
    'FullySupervised',
    'ImageFolder',
    'MultiLabelDataset',
    'OpenImages30k',
    'PublishedDataset',
    'StanfordCars',
    'StanfordDogs',
    'ToyShapes',
    'WSOLDataset',
    'WSOLMetadata',
    'resolve_data_path',
    'transforms',
]
