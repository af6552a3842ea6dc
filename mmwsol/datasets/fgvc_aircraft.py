from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmwsol.registry import DATASETS

from .annotation_files import look_up, read_lines, read_table
from .list_files import read_images_box
from .published_dataset import PublishedDataset, labels_of

LEVELS = {'variant': 'variants.txt', 'family': 'families.txt', 'manufacturer': 'manufacturers.txt'}
CLASS_COUNTS = {'variant': 100, 'family': 70, 'manufacturer': 30}
PARTS = {'train': (0,), 'test': (1,), 'val': (2,), 'trainval': (0, 2)}


@DATASETS.register_module()
class FGVCAircraft(PublishedDataset):
    """FGVC Aircraft 2013b (Maji et al., 2013) as published, or with the list of BAS and SAT.

    As published: ``images/``, ``images_box.txt``, ``images_<level>_<split>.txt`` and ``variants.txt`` (or ``families.txt``,
    ``manufacturers.txt``) in ``data_root`` or its ``data/``. BAS and SAT replace them by an ``images_box.txt`` with classes
    and splits, and ``classes.txt``. Papers train on ``trainval``. Boxes are handed out as published: pixels count from 1
    and right and lower edge are the last pixel. The lowest 20 rows of an image are a copyright line.

    Args:
        level: ``variant`` (100 classes), ``family`` (70) or ``manufacturer`` (30).
    """

    DATA_ROOT = 'fgvc-aircraft-2013b'
    SPLITS = {'train': 3334, 'val': 3333, 'trainval': 6667, 'test': 3333}
    NUM_CLASSES = CLASS_COUNTS['variant']
    BOXES_TO_LAST_PIXEL = True

    def __init__(
        self,
        data_root: str | None = None,
        split: str = 'trainval',
        test_mode: bool | None = None,
        level: str = 'variant',
        **kwargs: Any,
    ) -> None:
        if level not in LEVELS:
            raise ValueError(f'level must be one of {list(LEVELS)}, got {level!r}')
        self.level = level
        super().__init__(data_root=data_root, split=split, test_mode=test_mode, **kwargs)

    @property
    def published_classes(self) -> int:
        return CLASS_COUNTS[self.level]

    def annotation_paths(self) -> list[str]:
        names = ('images_box.txt', 'classes.txt', LEVELS[self.level], f'images_{self.level}_{self.split}.txt')
        return [self._below(name) for name in names]

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        boxes_path = self._below('images_box.txt')
        if os.path.exists(boxes_path) and ';' in read_lines(boxes_path)[0]:
            return self._read_joint_list(boxes_path)
        classes = read_lines(self._below(LEVELS[self.level]))
        list_path = self._below(f'images_{self.level}_{self.split}.txt')
        names = {stem: name for stem, (name,) in read_table(list_path, 1, ' ', str).items()}
        boxes = read_table(boxes_path, 4, ' ', float) if self.reads_boxes else {}
        entries = []
        for stem, label in zip(names, labels_of(list(names.values()), classes, list_path)):
            entries.append(self._entry(stem, label))
            if self.reads_boxes:
                box = look_up(boxes, stem, os.path.dirname(boxes_path), 'images_box.txt')
                entries[-1]['gt_bboxes'] = np.array([box], np.float64)  # (1, 4)
        return entries, classes

    def _read_joint_list(self, path: str) -> tuple[list[dict[str, Any]], Sequence[str]]:
        classes = read_lines(self._below('classes.txt'))
        lines = [line for line in read_images_box(path) if line.part in PARTS[self.split]]
        labels = labels_of([line.class_name for line in lines], classes, path)
        entries = [
            {**self._entry(line.name, label), 'gt_bboxes': line.bboxes, 'size': line.size}
            for line, label in zip(lines, labels)
        ]
        return entries, classes

    def _entry(self, stem: str, label: int) -> dict[str, Any]:
        return {'img_id': stem, 'img_path': self._below(f'images/{stem}.jpg'), 'gt_label': label}

    def _below(self, name: str) -> str:
        inner = os.path.join(self.data_root, 'data')
        return os.path.join(inner if os.path.isdir(inner) else self.data_root, name)
