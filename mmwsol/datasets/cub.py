from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmwsol.registry import DATASETS

from .annotation_files import read_cub, read_cub_classes
from .wsol_dataset import WSOLDataset


@DATASETS.register_module()
class CUB(WSOLDataset):
    """Caltech-UCSD Birds-200-2011 in its original layout, with any number of classes.

    Needs images.txt, image_class_labels.txt, train_test_split.txt, classes.txt and images/ under
    ``data_root``; in test mode also bounding_boxes.txt (x y w h; the box is kept as (x, y, x + w, y + h)). An
    image_sizes.txt (id W H) saves reading headers.

    Args:
        split: ``train`` or ``test``.
        test_mode: hand out boxes; by default for the test split only.
    """

    def __init__(
        self,
        data_root: str = 'CUB_200_2011',
        split: str = 'train',
        test_mode: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if split not in ('train', 'test'):
            raise ValueError(f"split must be 'train' or 'test' (CUB has no other), got {split!r}")
        self.split = split
        super().__init__(
            data_root=data_root, test_mode=split == 'test' if test_mode is None else test_mode, **kwargs
        )

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        wants_train = self.split == 'train'
        entries = []
        for entry in read_cub(self.data_root, with_boxes=self.test_mode):
            if entry.pop('is_train') == wants_train:
                if self.test_mode:
                    entry['gt_bboxes'] = entry.pop('bboxes')
                entries.append(entry)
        return entries, read_cub_classes(self.data_root)
