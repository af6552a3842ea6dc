from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmwsol.registry import DATASETS

from .annotation_files import read_table, read_wsol_metadata
from .data_root import resolve_data_path
from .published_dataset import PublishedDataset, names_of_folders
from .wsol_metadata import metadata_paths, place_entries


@DATASETS.register_module()
class OpenImages30k(PublishedDataset):
    """OpenImages30k (Choe et al., CVPR 2020): 100 classes, instance masks and ignored regions for ``val`` and ``test``.

    The images are ``<split>/<mid>/<name>.jpg`` below ``data_root``, the lists wsolevaluation's. Without its metadata,
    ``train_images.txt`` and ``test_images.txt`` (``path,label``: BAS, SAT) give images and labels, but no masks.

    Args:
        ann_dir: by default ``metadata/OpenImages/<split>``.
        mask_root: folder that mask files are relative to; ``data_root`` by default.
    """

    DATA_ROOT = 'OpenImages'
    SPLITS = {'train': 29_819, 'val': 2500, 'test': 5000}
    NUM_CLASSES = 100

    def __init__(
        self,
        data_root: str | None = None,
        split: str = 'train',
        test_mode: bool | None = None,
        ann_dir: str | None = None,
        mask_root: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.ann_dir = resolve_data_path(f'metadata/OpenImages/{split}' if ann_dir is None else ann_dir)
        self.mask_root = None if mask_root is None else resolve_data_path(mask_root)
        super().__init__(data_root=data_root, split=split, test_mode=test_mode, **kwargs)

    def annotation_paths(self) -> list[str]:
        return [*metadata_paths(self.ann_dir), self._list_path()]

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        path = self._list_path()
        if not os.path.isdir(self.ann_dir) and os.path.exists(path):
            rows = read_table(path, 1, ',', int, from_right=True)
            entries = [{'img_id': img_id, 'gt_label': label} for img_id, (label,) in rows.items()]
        else:
            entries = read_wsol_metadata(self.ann_dir, self.reads_boxes, self.NUM_CLASSES)
        place_entries(entries, self.data_root, self.mask_root or self.data_root)
        return entries, names_of_folders(entries, self.NUM_CLASSES)

    def _list_path(self) -> str:
        return os.path.join(self.data_root, f'{self.split}_images.txt')
