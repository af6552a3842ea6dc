from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmwsol.registry import DATASETS

from .mat_files import read_mat
from .published_dataset import PublishedDataset, class_folders, first_existing
from .split_folders import has_split_folders, read_split_folders
from .xml_annotations import read_xml


@DATASETS.register_module()
class StanfordDogs(PublishedDataset):
    """Stanford Dogs (Khosla et al., 2011) as published, or in the folders of SAT.

    As published: ``Images/<class>/``, ``Annotation/<class>/`` (XML, one to several dogs an image) and
    ``train_list.mat``, ``test_list.mat`` in ``data_root`` or ``lists/``. SAT: ``train/<class>/``, ``test/<class>/`` and
    boxes in ``test_list.txt`` with ``test_gt.txt``. Boxes are handed out as published.
    """

    DATA_ROOT = 'Stanford_Dogs'
    SPLITS = {'train': 12_000, 'test': 8580}
    NUM_CLASSES = 120
    BOXES_TO_LAST_PIXEL = True

    def annotation_paths(self) -> list[str]:
        return [
            *self._lists(),
            *(os.path.join(self.data_root, name) for name in ('test_list.txt', 'test_gt.txt')),
        ]

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        if has_split_folders(self.data_root, self._lists()):
            return read_split_folders(self.data_root, self.split, self.reads_boxes)
        path = first_existing(self._lists(), f'list of Stanford Dogs ({self.split})')
        files, labels = read_mat(path, 'file_list', 'labels')
        if len(files) != len(labels):
            raise ValueError(f'{path}: {len(files)} files and {len(labels)} labels; they must be as many')
        classes = class_folders(os.path.join(self.data_root, 'Images'))
        entries = []
        for name, label in zip(files, labels):
            if not 1 <= label <= len(classes) or name.split('/')[0] != classes[int(label) - 1]:
                raise ValueError(
                    f'{path}: {name} has label {label}, which must be the place of its folder among the '
                    f'{len(classes)} sorted folders of Images/'
                )
            img_path = os.path.join(self.data_root, 'Images', name)
            entries.append({'img_id': name, 'img_path': img_path, 'gt_label': int(label) - 1})
            if self.reads_boxes:
                xml = read_xml(os.path.join(self.data_root, 'Annotation', os.path.splitext(name)[0]))
                entries[-1].update(gt_bboxes=xml.bboxes, size=xml.size)
        return entries, classes

    def _lists(self) -> list[str]:
        name = f'{self.split}_list.mat'
        return [os.path.join(self.data_root, name), os.path.join(self.data_root, 'lists', name)]
