from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmwsol.registry import DATASETS

from .annotation_files import read_lines
from .data_root import resolve_data_path
from .list_files import read_images_box
from .mat_files import read_mat
from .published_dataset import PublishedDataset, first_existing, images_by_stem, labels_of

FOLDERS = ('', 'devkit', 'car_devkit/devkit')
MAT_FILES = {'train': 'cars_train_annos.mat', 'test': 'cars_test_annos_withlabels.mat'}
NAME_FILES = ('cars_meta.mat', 'names.csv', 'classes.txt')
COLUMNS = {
    'fname': ('fname', 'image', 'filename', 'file_name'),
    'bbox_x1': ('bbox_x1', 'x1', 'xmin'),
    'bbox_y1': ('bbox_y1', 'y1', 'ymin'),
    'bbox_x2': ('bbox_x2', 'x2', 'xmax'),
    'bbox_y2': ('bbox_y2', 'y2', 'ymax'),
    'class': ('class', 'class_id', 'label'),
}
CORNERS = ('bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2')


@DATASETS.register_module()
class StanfordCars(PublishedDataset):
    """Stanford Cars (Krause et al., 2013) with its .mat files, Kaggle's CSV, or the list of BAS and SAT.

    Images lie in ``cars_train/`` and ``cars_test/``, in ``car_ims/``, in Kaggle's ``car_data/car_data/<split>/<class>/``
    or in ``images/``. Labels of the .mat and CSV files count from 1. Boxes are handed out as published: pixels count from
    1 and right and lower edge are the last pixel.

    Args:
        annotations: by default the first that is there of ``cars_annos.mat`` (both splits), ``cars_train_annos.mat`` or
            ``cars_test_annos_withlabels.mat``, ``anno_<split>.csv`` and ``images_box.txt``, in ``data_root`` or its
            ``devkit/``. A CSV has columns name, x1, y1, x2, y2, class in this order, or names them in its first line.
    """

    DATA_ROOT = 'Stanford_Cars'
    SPLITS = {'train': 8144, 'test': 8041}
    NUM_CLASSES = 196
    BOXES_TO_LAST_PIXEL = True

    def __init__(
        self,
        data_root: str | None = None,
        split: str = 'train',
        test_mode: bool | None = None,
        annotations: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.annotations = None if annotations is None else resolve_data_path(annotations)
        super().__init__(data_root=data_root, split=split, test_mode=test_mode, **kwargs)

    def annotation_paths(self) -> list[str]:
        return [*self._candidates(), *map(_names_of_list, self._candidates()), *self._below(NAME_FILES)]

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        path = first_existing(self._candidates(), f'annotation of Stanford Cars ({self.split})')
        suffix = os.path.splitext(path)[1].lower()
        if suffix == '.txt':
            classes = self._class_names([_names_of_list(path)]) or []
            entries = _from_list(path, int(self.split == 'test'), classes)
        else:
            table = read_csv(path) if suffix == '.csv' else _from_mat(path, self.split)
            entries = _from_table(table, path)
            classes = self._class_names() or _names_beside(path)
        paths: dict[str, str] = {}
        for folder in self._image_candidates():
            if os.path.isdir(folder) and entries[0]['img_id'] not in paths:
                paths = images_by_stem(folder)
        for entry in entries:
            stem = entry['img_id']
            entry['img_path'] = paths.get(stem) or os.path.join(self._image_candidates()[0], f'{stem}.jpg')
        return entries, classes

    def _below(self, names: Sequence[str]) -> list[str]:
        return [os.path.join(self.data_root, folder, name) for name in names for folder in FOLDERS]

    def _candidates(self) -> list[str]:
        if self.annotations is not None:
            return [self.annotations]
        names = ('cars_annos.mat', MAT_FILES[self.split], f'anno_{self.split}.csv', 'images_box.txt')
        return self._below(names)

    def _image_candidates(self) -> list[str]:
        names = (f'cars_{self.split}', f'cars_{self.split}/cars_{self.split}', 'car_ims')
        more = (f'car_data/car_data/{self.split}', f'car_data/{self.split}', 'images')
        return [os.path.join(self.data_root, name) for name in (*names, *more)]

    def _class_names(self, first: Sequence[str] = ()) -> list[str] | None:
        for path in (*first, *self._below(NAME_FILES)):
            if os.path.exists(path):
                return read_mat(path, 'class_names')[0] if path.endswith('.mat') else read_lines(path)
        return None


def read_csv(path: str) -> dict[str, list[Any]]:
    """Columns ``fname``, ``bbox_x1`` .. ``bbox_y2`` and ``class`` of a CSV with or without a line of their names."""
    rows = [row for row in csv.reader(read_lines(path)) if row]
    names = [name.strip().lower() for name in rows[0]]
    if len(names) >= 6 and not names[1].isdigit():
        places = [[i for i, name in enumerate(names) if name in known] for known in COLUMNS.values()]
        rows = rows[1:]
    else:
        places = [[i] for i in range(6)]
    table: dict[str, list[Any]] = {key: [] for key in COLUMNS}
    for number, row in enumerate(rows, start=1):
        try:
            name, *numbers = (row[columns[0]] for columns in places)
            for key, value in zip(COLUMNS, [name, *map(float, numbers)]):
                table[key].append(value)
        except (IndexError, ValueError):
            raise ValueError(
                f'{path}, row {number}: must have the columns {", ".join(COLUMNS)} in this order or by name, got {row}'
            ) from None
    return table


def _from_mat(path: str, split: str) -> Mapping[str, list[Any]]:
    table = read_mat(path, 'annotations')[0]
    if 'class' not in table:
        raise ValueError(f'{path}: has no classes; get cars_test_annos_withlabels.mat')
    if 'relative_im_path' not in table:
        return table
    kept = [bool(flag) == (split == 'test') for flag in table['test']]
    table['fname'] = table['relative_im_path']
    return {key: [v for v, keep in zip(table[key], kept) if keep] for key in COLUMNS}


def _from_table(table: Mapping[str, Sequence[Any]], path: str) -> list[dict[str, Any]]:
    if missing := [key for key in COLUMNS if key not in table]:
        raise ValueError(f'{path}: the fields {missing} are missing')
    boxes = np.array([table[key] for key in CORNERS], np.float64).T  # (N, 4)
    return [
        {
            'img_id': os.path.splitext(os.path.basename(name))[0],
            'gt_label': int(label) - 1,
            'gt_bboxes': box[None],
        }
        for name, label, box in zip(table['fname'], table['class'], boxes)
    ]


def _from_list(path: str, part: int, classes: Sequence[str]) -> list[dict[str, Any]]:
    lines = [line for line in read_images_box(path) if line.part == part]
    labels = labels_of([line.class_name for line in lines], classes, path)
    return [
        {'img_id': line.name, 'gt_label': label, 'gt_bboxes': line.bboxes, 'size': line.size}
        for line, label in zip(lines, labels)
    ]


def _names_of_list(path: str) -> str:
    """Where the class names of ``images_box.txt`` stand, which have other slashes than those of the other files."""
    return os.path.join(os.path.dirname(path), 'classes.txt')


def _names_beside(path: str) -> list[str]:
    """Class names of ``cars_annos.mat``, which has them itself; else numbers."""
    if os.path.basename(path) == 'cars_annos.mat':
        return read_mat(path, 'class_names')[0]
    return [str(number) for number in range(1, StanfordCars.NUM_CLASSES + 1)]
