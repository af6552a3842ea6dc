from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.logging import print_log
from mmengine.utils import track_iter_progress

from mmwsol.registry import DATASETS

from .toy_drawing import class_name, draw
from .wsol_dataset import WSOLDataset

IMAGES_PER_CLASS = {'train': 60, 'test': 20, 'val': 10}  # in this order they are seeded
DRAWING_VERSION = 2  # part of the cache key: raise it with every change of toy_drawing.py


@DATASETS.register_module()
class ToyShapes(WSOLDataset):
    """Drawn pictures whose classes differ in a small part of each object: no download, minutes on a CPU.

    An object is a large textured body, shared by several classes, with a small part whose colour and shape
    are the class's own. Boxes and masks are those of the whole object, so maps that light the part alone miss
    it. The pictures are drawn once, from ``seed`` alone, to ``<data_root>/<split>-<hash of the arguments>``;
    processes that draw at the same time don't disturb each other.

    Args:
        split: ``train``, ``val`` or ``test``, different pictures.
        images_per_class: by default 60 to train, 10 to validate, 20 to test.
        image_size: side in pixels.
    """

    def __init__(
        self,
        data_root: str = 'toy_shapes',
        split: str = 'train',
        num_classes: int = 8,
        images_per_class: int | None = None,
        image_size: int = 128,
        seed: int = 0,
        test_mode: bool | None = None,
        **kwargs: Any,
    ) -> None:
        if split not in IMAGES_PER_CLASS:
            raise ValueError(f"split must be 'train', 'val' or 'test', got {split!r}")
        if not 2 <= num_classes <= 24 or image_size < 32:
            raise ValueError(
                f'need num_classes in 2..24 and image_size >= 32, got {num_classes} and {image_size}'
            )
        self.split = split
        self.drawing: dict[str, Any] = {
            'version': DRAWING_VERSION,
            'split': split,
            'num_classes': num_classes,
            'images_per_class': images_per_class or IMAGES_PER_CLASS[split],
            'image_size': image_size,
            'seed': seed,
        }
        key = hashlib.sha1(json.dumps(self.drawing, sort_keys=True).encode()).hexdigest()[:10]
        super().__init__(
            data_root=os.path.join(data_root, f'{split}-{key}'),
            test_mode=split != 'train' if test_mode is None else test_mode,
            **kwargs,
        )

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        root = Path(self.data_root)
        if not root.is_dir():
            self._draw(root)
        labels = json.loads((root / 'labels.json').read_text())
        entries = [
            {'img_id': img_id, 'img_path': str(root / 'images' / f'{img_id}.jpg'), 'gt_label': label}
            for img_id, label in labels['images'].items()
        ]
        if self.reads_boxes:
            boxes = json.loads((root / 'boxes.json').read_text())
            for entry in entries:
                img_id = entry['img_id']
                entry['gt_bboxes'] = np.array([boxes[img_id]], dtype=np.float64)  # (1, 4)
                entry['mask_path'] = str(root / 'masks' / f'{img_id}.png')
                entry['size'] = (self.drawing['image_size'],) * 2
        return entries, labels['classes']

    def _draw(self, root: Path) -> None:
        """Draw into a folder of this process's own, then rename it: a folder that exists is complete."""
        try:
            root.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix='.drawing-', dir=root.parent))
        except OSError as error:
            raise OSError(
                f'{root}: pictures cannot be written ({error}); set MMWSOL_DATA_ROOT to a writable folder'
            ) from error
        try:
            self._draw_into(temporary)
            temporary.chmod(0o755)
            temporary.rename(root)
        except OSError:
            if not root.is_dir():
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _draw_into(self, folder: Path) -> None:
        num_classes, per_class = self.drawing['num_classes'], self.drawing['images_per_class']
        (folder / 'images').mkdir()
        (folder / 'masks').mkdir()
        labels, boxes = {}, {}
        pairs = [(label, index) for label in range(num_classes) for index in range(per_class)]
        print_log(f'drawing {len(pairs)} pictures to {self.data_root}', logger='current')
        for label, index in track_iter_progress(pairs) if sys.stdout.isatty() else pairs:
            rng = np.random.default_rng(
                [self.drawing['seed'], list(IMAGES_PER_CLASS).index(self.split), label, index]
            )
            img, mask = draw(label, num_classes, self.drawing['image_size'], rng)
            img_id = f'{label:02d}_{index:04d}'
            cv2.imwrite(
                str(folder / 'images' / f'{img_id}.jpg'), img[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95]
            )
            cv2.imwrite(str(folder / 'masks' / f'{img_id}.png'), mask)
            x, y, w, h = cv2.boundingRect(mask)
            labels[img_id], boxes[img_id] = label, [x, y, x + w, y + h]
        classes = [class_name(label, num_classes) for label in range(num_classes)]
        (folder / 'labels.json').write_text(json.dumps({'classes': classes, 'images': labels}))
        (folder / 'boxes.json').write_text(json.dumps(boxes))
