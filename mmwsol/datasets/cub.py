from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmwsol.registry import DATASETS

from .annotation_files import read_cub, read_cub_classes, read_wsol_metadata
from .data_root import resolve_data_path
from .published_dataset import PublishedDataset, names_of_folders
from .split_folders import has_split_folders, read_split_folders
from .wsol_metadata import is_metadata, metadata_paths


@DATASETS.register_module()
class CUB(PublishedDataset):
    """Caltech-UCSD Birds-200-2011 in its original layout, with any number of classes, or in those of others.

    The original needs images.txt, image_class_labels.txt, train_test_split.txt, classes.txt and images/ under
    ``data_root``; in test mode also bounding_boxes.txt (x y w h; the box is kept as (x, y, x + w, y + h)). An
    image_sizes.txt (id W H) saves reading headers. BAS and SAT have folders ``train/<class>/`` and ``test/<class>/`` and
    boxes in ``test_list.txt`` with ``test_bounding_box.txt`` or ``test_gt.txt``. wsolevaluation has ``<class>/`` under
    ``data_root`` and its metadata; it is read where none of the others is there.

    ``val`` is CUBV2, the 1,000 images with boxes that wsolevaluation adds (train-fullsup).

    Args:
        ann_dir: wsolevaluation's metadata, by default ``metadata/CUB/<split>``.
        val_root: folder of the class folders of ``val``; by default the first of ``CUBV2``, ``data_root`` and
            ``data_root/images`` that has its first image.
        mask_root: Caltech's segmentations, ``<class>/<image>.png`` below it; read for the images of ``test``, and of
            ``train`` in test mode. Their grey values count annotators: object is what at least half of them drew.
    """

    DATA_ROOT = 'CUB_200_2011'
    SPLITS = {'train': 5994, 'val': 1000, 'test': 5794}
    NUM_CLASSES = 200

    def __init__(
        self,
        data_root: str | None = None,
        split: str = 'train',
        test_mode: bool | None = None,
        ann_dir: str | None = None,
        val_root: str | None = None,
        mask_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.ann_dir = resolve_data_path(f'metadata/CUB/{split}' if ann_dir is None else ann_dir)
        self.val_root = None if val_root is None else resolve_data_path(val_root)
        if mask_root is not None and split == 'val':
            raise ValueError(
                "CUB's segmentations are those of 'train' and 'test', not of CUBV2: no mask_root with 'val'"
            )
        self.mask_root = None if mask_root is None else resolve_data_path(mask_root)
        super().__init__(data_root=data_root, split=split, test_mode=test_mode, **kwargs)

    def annotation_paths(self) -> list[str]:
        return [*metadata_paths(self.ann_dir), *metadata_paths(self.data_root)]

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        entries, classes = self._read_lists()
        if self.mask_root is not None and self.reads_boxes:
            for entry in entries:
                entry['mask_votes'] = os.path.join(
                    self.mask_root, os.path.splitext(entry['img_id'])[0] + '.png'
                )
        return entries, classes

    def _read_lists(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        original = os.path.join(self.data_root, 'images.txt')
        if self.split == 'val':
            return self._read_metadata()
        if has_split_folders(self.data_root, [original]):
            return read_split_folders(self.data_root, self.split, self.reads_boxes)
        if not os.path.exists(original) and is_metadata(self.ann_dir):
            return self._read_metadata()
        entries = read_cub(self.data_root, with_boxes=self.reads_boxes, train=self.split == 'train')
        for entry in entries:
            del entry['is_train']
        return entries, read_cub_classes(self.data_root)

    def _read_metadata(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        has_list = os.path.exists(os.path.join(self.data_root, 'classes.txt'))
        classes = read_cub_classes(self.data_root) if has_list else None
        entries = read_wsol_metadata(
            self.ann_dir, self.reads_boxes, self.NUM_CLASSES if classes is None else len(classes)
        )
        root = self._root_of(entries[0]['img_id'])
        for entry in entries:
            entry['img_path'] = os.path.join(root, entry['img_id'])
        return entries, classes or names_of_folders(entries, self.NUM_CLASSES)

    def _root_of(self, img_id: str) -> str:
        roots = [self.data_root, os.path.join(self.data_root, 'images')]
        if self.split == 'val':
            roots = [resolve_data_path('CUBV2'), *roots] if self.val_root is None else [self.val_root]
        return next((root for root in roots if os.path.exists(os.path.join(root, img_id))), roots[0])
