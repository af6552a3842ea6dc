from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmwsol.registry import DATASETS

from .coco_annotations import corners, read_coco
from .multi_label_dataset import MultiLabelDataset
from .published_dataset import first_existing


@DATASETS.register_module()
class COCO14(MultiLabelDataset):
    """COCO 2014: the images of train2014 and val2014 that have an annotation, 80 classes by ascending category id.

    Needs ``train2014/`` and ``val2014/`` and ``annotations/instances_<split>2014.json`` in ``data_root``. A box
    (x, y, w, h) is kept as (x, y, x + w, y + h). Crowds count as a label; they have no box, and in masks they are ignored
    (255). Masks need pycocotools: ``pip install mmwsol[coco]``.
    """

    DATA_ROOT = 'coco'
    SPLITS = {'train': 82_081, 'val': 40_137}
    NUM_CLASSES = 80

    def annotation_paths(self) -> list[str]:
        return self._files()

    def read_images(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        path = first_existing(self._files(), f'annotation of COCO14 ({self.split})')
        fields = 'images, annotations (image_id, category_id, bbox, iscrowd, segmentation) and categories'
        return read_coco(path, self._parse, fields)

    def _parse(self, content: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Sequence[str]]:
        categories = sorted(content['categories'], key=lambda category: category['id'])
        labels = {category['id']: label for label, category in enumerate(categories)}
        objects: dict[int, dict[int, list[dict]]] = {}
        for item in content['annotations']:
            label = labels[item['category_id']]
            objects.setdefault(item['image_id'], {}).setdefault(label, []).append(item)
        images = [
            self._entry(image, objects[image['id']]) for image in content['images'] if image['id'] in objects
        ]
        return images, [category['name'] for category in categories]

    def _entry(self, image: Mapping[str, Any], objects: Mapping[int, list[dict]]) -> dict[str, Any]:
        name = image['file_name']
        entry = {
            'img_id': os.path.splitext(name)[0],
            'img_path': os.path.join(self.data_root, f'{self.split}2014', name),
            'gt_labels': sorted(objects),
        }
        if self.reads_boxes:
            entry['size'] = size = (image['width'], image['height'])
            entry['of_label'] = {label: _boxes(items) for label, items in objects.items()}
            if self.masks:
                for label, items in objects.items():
                    entry['of_label'][label]['mask_rle'] = _class_mask(items, size)
        return entry

    def _files(self) -> list[str]:
        name = f'instances_{self.split}2014.json'
        return [os.path.join(self.data_root, folder, name) for folder in ('annotations', '')]


def _boxes(objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    boxes = [corners(item['bbox']) for item in objects if not item.get('iscrowd')]
    return {'gt_bboxes': np.array(boxes, np.float64).reshape(-1, 4)}  # (M, 4)


def _class_mask(objects: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> tuple:
    """H, W, and COCO's compressed runs of the united objects and of the crowds, each or ``None``."""
    things = [item for item in objects if not item.get('iscrowd')]
    crowds = [item for item in objects if item.get('iscrowd')]
    return (size[1], size[0], _run_lengths(things, size), _run_lengths(crowds, size))


def _run_lengths(objects: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> bytes | None:
    try:
        from pycocotools import mask as coco_mask
    except ImportError as error:
        raise ImportError('masks of COCO14 need pycocotools; pip install mmwsol[coco]') from error
    width, height = size
    runs: list[dict] = []
    for item in objects:
        shape = item['segmentation']  # polygons, or runs, which may be compressed
        if isinstance(shape, list) or isinstance(shape['counts'], list):
            shape = coco_mask.frPyObjects(shape, height, width)
        runs += shape if isinstance(shape, list) else [shape]
    return coco_mask.merge(runs)['counts'] if runs else None
