"""The data sets that the tools know by name: how their splits are read, and how large they were published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .checks import PublishedSize, SplitSource, build_unread
from .coco14 import COCO14
from .cub import CUB
from .fgvc_aircraft import FGVCAircraft
from .ilsvrc import ILSVRC
from .open_images30k import OpenImages30k
from .published_dataset import PublishedDataset
from .stanford_cars import StanfordCars
from .stanford_dogs import StanfordDogs
from .toy_shapes import ToyShapes
from .voc12 import VOC12


@dataclass(frozen=True)
class CatalogSplit(SplitSource):
    """A split of the catalog; ``needs`` are its images below the data root, for a split that not all have."""

    needs: str | None = None


@dataclass(frozen=True)
class CatalogEntry:
    title: str
    splits: tuple[CatalogSplit, ...]


def published_size(dataset: Mapping[str, Any], **more: Any) -> PublishedSize | None:
    """Size of the split that a config reads, if its reader states it; ``more`` are further fields.

    Raises:
        ValueError: the config is none of a data set that can be checked.
    """
    reader = build_unread(dataset)
    if not isinstance(reader, PublishedDataset):
        return None
    return PublishedSize(reader.published_images, reader.published_classes, **more)


def _split(
    reader: type[PublishedDataset],
    name: str,
    per_class: tuple[int, int] | None = None,
    boxes: int | None = None,
    needs: str | None = None,
    **arguments: Any,
) -> CatalogSplit:
    dataset = dict(arguments, type=reader, split=name)
    published = published_size(dataset, per_class=per_class, boxes=boxes)
    return CatalogSplit(name, dataset, name.startswith('train'), published, needs)


def _toy_split(name: str, per_class: int) -> CatalogSplit:
    size = PublishedSize(8 * per_class, 8, (per_class, per_class), 8 * per_class)
    return CatalogSplit(name, dict(type=ToyShapes, split=name), name == 'train', size)


# images of a class and boxes: wsolevaluation's metadata (Choe et al., CVPR 2020)
CUBV2 = _split(CUB, 'val', (3, 6), 1000, needs='CUBV2')
IMAGENETV2 = _split(ILSVRC, 'val', (10, 10), 18_532, needs='ILSVRC/val2')

CATALOG = {
    'cub': CatalogEntry(
        'Caltech-UCSD Birds-200-2011',
        (_split(CUB, 'train', (29, 30), 5994), CUBV2, _split(CUB, 'test', (11, 30), 5794)),
    ),
    'cub_masks': CatalogEntry(
        'Caltech-UCSD Birds-200-2011 with segmentations',
        (
            _split(CUB, 'train', (29, 30), 5994),
            _split(CUB, 'test', (11, 30), 5794, mask_root='CUB_200_2011/segmentations'),
        ),
    ),
    'cubv2': CatalogEntry('CUBV2, the validation split of CUB', (CUBV2,)),
    'ilsvrc': CatalogEntry(
        'ILSVRC 2012',
        (
            _split(ILSVRC, 'train', (732, 1300)),
            IMAGENETV2,
            _split(ILSVRC, 'test', (50, 50), 80_477),
        ),
    ),
    'imagenetv2': CatalogEntry('ImageNetV2 (threshold 0.7), the validation split of ILSVRC', (IMAGENETV2,)),
    'openimages': CatalogEntry(
        'OpenImages30k',
        (
            _split(OpenImages30k, 'train', (230, 300)),
            _split(OpenImages30k, 'val', (25, 25)),
            _split(OpenImages30k, 'test', (50, 50)),
        ),
    ),
    'cars': CatalogEntry(
        'Stanford Cars',
        (_split(StanfordCars, 'train', boxes=8144), _split(StanfordCars, 'test', boxes=8041)),
    ),
    'dogs': CatalogEntry('Stanford Dogs', (_split(StanfordDogs, 'train'), _split(StanfordDogs, 'test'))),
    'aircraft': CatalogEntry(
        'FGVC Aircraft 2013b',
        (_split(FGVCAircraft, 'trainval', boxes=6667), _split(FGVCAircraft, 'test', boxes=3333)),
    ),
    'voc12': CatalogEntry('PASCAL VOC 2012', (_split(VOC12, 'train'), _split(VOC12, 'val'))),
    'voc12_aug': CatalogEntry(
        'PASCAL VOC 2012 with the training images of SBD',
        (_split(VOC12, 'train_aug'), _split(VOC12, 'val')),
    ),
    'coco14': CatalogEntry('COCO 2014', (_split(COCO14, 'train'), _split(COCO14, 'val'))),
    'toy_shapes': CatalogEntry(
        'ToyShapes, drawn at first use', (_toy_split('train', 60), _toy_split('test', 20))
    ),
}
