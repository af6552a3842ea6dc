"""The layout of BAS and SAT: ``train/<class>/``, ``test/<class>/`` and lists with the boxes of ``test``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .list_files import read_box_lists
from .published_dataset import class_folders, first_existing, read_folder_tree

LIST = 'test_list.txt'


def has_split_folders(root: str, original: Sequence[str]) -> bool:
    """Whether this layout is there. Without its list it must be the only one: folders of that name may be somebody's own.

    Args:
        original: the places where a list of the published layout may lie.
    """
    if not all(os.path.isdir(os.path.join(root, split)) for split in ('train', 'test')):
        return False
    return os.path.exists(os.path.join(root, LIST)) or not any(map(os.path.exists, original))


def read_split_folders(root: str, split: str, with_boxes: bool) -> tuple[list[dict[str, Any]], Sequence[str]]:
    """Entries and class names, the sorted folders of ``train``; ``img_id`` is ``<class>/<name>``.

    Boxes belong to ``split`` ``test`` and come from ``test_list.txt`` with ``test_bounding_box.txt`` or ``test_gt.txt``.
    """
    classes = class_folders(os.path.join(root, 'train'))
    entries = read_folder_tree(os.path.join(root, split), classes=_same(root, split, classes))
    if not with_boxes:
        return entries, classes
    names = ('test_bounding_box.txt', 'test_gt.txt')
    boxes_path = first_existing([os.path.join(root, name) for name in names], f'boxes of {root}')
    list_path = os.path.join(root, LIST)
    boxed = {image.name: image for image in read_box_lists(list_path, boxes_path)}
    for entry in entries:
        if entry['img_id'] not in boxed:
            raise ValueError(f'{list_path}: no line for {entry["img_id"]}')
        _, entry['gt_bboxes'], entry['size'] = boxed.pop(entry['img_id'])
    if boxed:
        raise FileNotFoundError(
            f'{root}: {len(boxed)} images of test_list.txt are not in {split}/, first {list(boxed)[:3]}'
        )
    return entries, classes


def _same(root: str, split: str, classes: list[str]) -> list[str]:
    present = class_folders(os.path.join(root, split))
    if present != classes:
        raise ValueError(
            f'{root}: train/ and {split}/ must have the same class folders; only in one of them: '
            f'{sorted(set(present) ^ set(classes))[:5]}'
        )
    return classes
