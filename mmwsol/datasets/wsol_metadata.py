from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmwsol.registry import DATASETS

from .annotation_files import read_names, read_wsol_metadata
from .data_root import resolve_data_path
from .wsol_dataset import WSOLDataset


def is_metadata(path: str) -> bool:
    return os.path.exists(os.path.join(path, 'image_ids.txt'))


def metadata_paths(ann_dir: str) -> list[str]:
    """A metadata folder and what lies in it."""
    names = os.listdir(ann_dir) if os.path.isdir(ann_dir) else ()
    return [ann_dir, *(os.path.join(ann_dir, name) for name in sorted(names))]


def place_entries(entries: list[dict[str, Any]], data_root: str, mask_root: str) -> None:
    """Complete what :func:`read_wsol_metadata` read: files lie below these folders."""
    prefix = os.path.join(data_root, '')
    for entry in entries:
        entry['img_path'] = prefix + entry['img_id']
        if 'mask_paths' in entry:
            ignore = entry['ignore_path']
            entry['mask_paths'] = [os.path.join(mask_root, name) for name in entry['mask_paths']]
            entry['ignore_path'] = ignore and os.path.join(mask_root, ignore)


@DATASETS.register_module()
class WSOLMetadata(WSOLDataset):
    """Any data set in the metadata layout of wsolevaluation (Choe et al., CVPR 2020): ILSVRC, CUBv2, OpenImages, ..

    Args:
        ann_dir: folder with image_ids.txt, class_labels.txt (``id,label``) and, where they exist,
            image_sizes.txt (``id,w,h``) and localization.txt: boxes (``id,x0,y0,x1,y1``) or masks
            (``id,mask,ignore``), several rows per image allowed.
        data_root: folder that the image ids are relative to; ``ann_dir`` by default.
        num_classes: by default as many as synset_words.txt in ``ann_dir`` has lines, else the highest label +
            1.
        ids_file: list of the images; ``image_ids_proxy.txt`` is ILSVRC's training set for fast searches.
        mask_root: folder that the mask files are relative to; ``data_root`` by default.
    """

    BOXES_TO_LAST_PIXEL = True  # in some of these lists, so that none is found empty

    def __init__(
        self,
        ann_dir: str,
        data_root: str | None = None,
        num_classes: int | None = None,
        mask_root: str | None = None,
        ids_file: str = 'image_ids.txt',
        **kwargs: Any,
    ) -> None:
        self.ann_dir = resolve_data_path(ann_dir)
        self.mask_root = None if mask_root is None else resolve_data_path(mask_root)
        self.ids_file = ids_file
        self.requested_classes = num_classes
        super().__init__(data_root=ann_dir if data_root is None else data_root, **kwargs)

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        names = self._class_names()
        num_classes = self.requested_classes if names is None else len(names)
        entries = read_wsol_metadata(
            self.ann_dir, with_boxes=self.reads_boxes, num_classes=num_classes, ids_file=self.ids_file
        )
        place_entries(entries, self.data_root, self.mask_root or self.data_root)
        if names is None:
            names = [str(i) for i in range(num_classes or 1 + max(entry['gt_label'] for entry in entries))]
        return entries, names

    def _own_split(self) -> str | None:
        return os.path.basename(os.path.normpath(self.ann_dir))

    def annotation_paths(self) -> list[str]:
        return metadata_paths(self.ann_dir)

    def _class_names(self) -> list[str] | None:
        path = os.path.join(self.ann_dir, 'synset_words.txt')
        if not os.path.exists(path):
            return None
        names = read_names(path)
        if self.requested_classes not in (None, len(names)):
            raise ValueError(f'{path} names {len(names)} classes, but num_classes={self.requested_classes}')
        return names
