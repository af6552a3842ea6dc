"""The data sets that the tools know by name: how their splits are read, and how large they were published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .checks import PublishedSize, SplitSource


@dataclass(frozen=True)
class CatalogSplit(SplitSource):
    """A split of the catalog; one that is not required is checked where it is there."""

    is_required: bool = True


@dataclass(frozen=True)
class CatalogEntry:
    """A data set; the sizes are those of its paper or of wsolevaluation's metadata (Choe et al., CVPR 2020)."""

    title: str
    splits: tuple[CatalogSplit, ...]


def _metadata(name: str, split: str, images: str) -> dict[str, Any]:
    return dict(type='WSOLMetadata', ann_dir=f'metadata/{name}/{split}', data_root=images)


CUB_VAL = CatalogSplit(
    'val',
    dict(**_metadata('CUB', 'val', 'CUBV2'), num_classes=200),
    published=PublishedSize(1000, 200, (3, 6), 1000),
    is_required=False,
)
ILSVRC_VAL = CatalogSplit(
    'val',
    dict(**_metadata('ILSVRC', 'val', 'ILSVRC'), num_classes=1000),
    published=PublishedSize(10_000, 1000, (10, 10), 18_532),
    is_required=False,
)

CATALOG = {
    'cub': CatalogEntry(
        'Caltech-UCSD Birds-200-2011',
        (
            CatalogSplit(
                'train', dict(type='CUB', split='train'), True, PublishedSize(5994, 200, (29, 30), 5994)
            ),
            CUB_VAL,
            CatalogSplit(
                'test', dict(type='CUB', split='test'), published=PublishedSize(5794, 200, (11, 30), 5794)
            ),
        ),
    ),
    'cubv2': CatalogEntry('CUBV2, the validation split of CUB', (CUB_VAL,)),
    'ilsvrc': CatalogEntry(
        'ILSVRC 2012',
        (
            CatalogSplit(
                'train',
                dict(**_metadata('ILSVRC', 'train', 'ILSVRC'), num_classes=1000),
                True,
                PublishedSize(1_281_167, 1000, (732, 1300)),
            ),
            ILSVRC_VAL,
            CatalogSplit(
                'test',
                dict(**_metadata('ILSVRC', 'test', 'ILSVRC'), num_classes=1000),
                published=PublishedSize(50_000, 1000, (50, 50), 80_477),
            ),
        ),
    ),
    'imagenetv2': CatalogEntry('ImageNetV2 (threshold 0.7), the validation split of ILSVRC', (ILSVRC_VAL,)),
    'openimages': CatalogEntry(
        'OpenImages30k',
        (
            CatalogSplit(
                'train',
                dict(**_metadata('OpenImages', 'train', 'OpenImages'), num_classes=100),
                True,
                PublishedSize(29_819, 100, (230, 300)),
            ),
            CatalogSplit(
                'val',
                dict(**_metadata('OpenImages', 'val', 'OpenImages'), num_classes=100),
                published=PublishedSize(2500, 100, (25, 25)),
            ),
            CatalogSplit(
                'test',
                dict(**_metadata('OpenImages', 'test', 'OpenImages'), num_classes=100),
                published=PublishedSize(5000, 100, (50, 50)),
            ),
        ),
    ),
    'toy_shapes': CatalogEntry(
        'ToyShapes, drawn at first use',
        (
            CatalogSplit(
                'train', dict(type='ToyShapes', split='train'), True, PublishedSize(480, 8, (60, 60), 480)
            ),
            CatalogSplit(
                'test', dict(type='ToyShapes', split='test'), published=PublishedSize(160, 8, (20, 20), 160)
            ),
        ),
    ),
}
