from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmwsol.registry import DATASETS

from .annotation_files import read_names
from .coco_annotations import corners, read_coco
from .data_root import resolve_data_path
from .wsol_dataset import WSOLDataset


@DATASETS.register_module()
class ImageFolder(WSOLDataset):
    """The user's own images: ``data_root/<class>/**/<image>``, one folder a class.

    Args:
        ann_file: COCO JSON with boxes, read in test mode only. ``file_name`` is relative to ``data_root``,
            ``bbox`` is x y w h in pixels of the file; categories are ignored, the folder is the label. Every
            image must have a box.
        classes: names in label order, or a text file with one name a line; by default the sorted folder
            names. State it where a test folder does not hold every class.
        extensions: lower case, with the dot. Other files are left out and logged.
    """

    EXTENSIONS = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff', '.ppm')

    def __init__(
        self,
        data_root: str,
        ann_file: str | None = None,
        classes: Sequence[str] | str | None = None,
        extensions: Sequence[str] = EXTENSIONS,
        **kwargs: Any,
    ) -> None:
        self.boxes_file = None if ann_file is None else resolve_data_path(ann_file)
        self.requested_classes = classes
        self.extensions = tuple(extensions)
        super().__init__(data_root=data_root, **kwargs)

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        classes, folders = self._classes()
        entries, left_out = [], []
        for label, name in enumerate(classes):
            files = _files_below(os.path.join(self.data_root, name)) if name in folders else []
            for path in files:
                if not path.lower().endswith(self.extensions) or not _is_text(path):
                    left_out.append(path)
                    continue
                img_id = os.path.relpath(path, self.data_root).replace(os.sep, '/')
                entries.append({'img_id': img_id, 'img_path': path, 'gt_label': label})
        if left_out:
            first = [path.encode('utf-8', 'backslashreplace').decode() for path in left_out[:3]]
            print_log(
                f'left out {len(left_out)} files of {self.data_root} that are not among {self.extensions} or '
                f'whose names are not UTF-8, first {first}',
                logger='current',
                level=logging.WARNING,
            )
        if self.reads_boxes and self.boxes_file is not None:
            self._add_boxes(entries)
        return entries, classes

    def _own_split(self) -> str | None:
        return os.path.basename(os.path.normpath(self.data_root))

    def _classes(self) -> tuple[list[str], set[str]]:
        """Class names in label order, and the folders that exist."""
        if not os.path.isdir(self.data_root):
            raise FileNotFoundError(f'{self.data_root}: folder missing; check data_root and MMWSOL_DATA_ROOT')
        with os.scandir(self.data_root) as items:
            folders = {item.name for item in items if item.is_dir() and not item.name.startswith('.')}
        if self.requested_classes is None:
            return sorted(folders), folders
        classes = self.requested_classes
        if isinstance(classes, str):
            classes = read_names(resolve_data_path(classes))
        if strangers := sorted(folders - set(classes)):
            raise ValueError(
                f'{self.data_root}: folders that are not among the {len(classes)} classes: {strangers[:5]}; '
                'remove them or add them to classes'
            )
        return list(classes), folders

    def _add_boxes(self, entries: list[dict[str, Any]]) -> None:
        boxes, sizes = read_coco_boxes(str(self.boxes_file))
        missing = [entry['img_id'] for entry in entries if entry['img_id'] not in boxes]
        if missing:
            raise ValueError(
                f'{self.boxes_file}: {len(missing)} of {len(entries)} test images have no box, first '
                f'{missing[:3]}; file_name must be the path below data_root'
            )
        for entry in entries:
            entry['gt_bboxes'] = np.array(boxes[entry['img_id']], dtype=np.float64)  # (M, 4)
            if entry['img_id'] in sizes:
                entry['size'] = sizes[entry['img_id']]


def read_coco_boxes(path: str) -> tuple[dict[str, list[list[float]]], dict[str, tuple[int, int]]]:
    """Boxes (xyxy) and sizes (W, H) by ``file_name`` from a COCO JSON; categories are ignored."""
    return read_coco(path, _boxes_and_sizes, 'images (id, file_name) and annotations (image_id, bbox)')


def _boxes_and_sizes(
    content: Mapping[str, Any],
) -> tuple[dict[str, list[list[float]]], dict[str, tuple[int, int]]]:
    names = {image['id']: image['file_name'] for image in content['images']}
    sizes = {
        image['file_name']: (image['width'], image['height'])
        for image in content['images']
        if 'width' in image and 'height' in image
    }
    boxes: dict[str, list[list[float]]] = {}
    for annotation in content['annotations']:
        boxes.setdefault(names[annotation['image_id']], []).append(corners(annotation['bbox']))
    return boxes, sizes


def _files_below(folder: str) -> list[str]:
    return sorted(
        os.path.join(parent, name)
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
        if not name.startswith('.')
    )


def _is_text(name: str) -> bool:
    """Whether a file name is valid UTF-8, which logs and result files need."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
