from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmwsol.registry import DATASETS

from .annotation_files import read_lines
from .multi_label_dataset import MultiLabelDataset
from .published_dataset import first_existing, labels_of
from .xml_annotations import read_xml

CLASSES = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow', 'diningtable', 'dog',
    'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor',
)  # fmt: skip


@DATASETS.register_module()
class VOC12(MultiLabelDataset):
    """PASCAL VOC 2012 in its own layout, and the 10,582 training images of SBD that are called ``train_aug``.

    Needs JPEGImages/, Annotations/ (the labels, of difficult objects too) and ImageSets/; for masks SegmentationClass/
    and, for ``train_aug``, SegmentationClassAug/. Boxes are those of objects that are not marked difficult, as published:
    pixels count from 1 and right and lower edge are the last pixel.

    Args:
        image_set: ``Segmentation`` (``SPLITS``) or ``Main`` (``MAIN_SPLITS``: more images, boxes only).
    """

    DATA_ROOT = 'VOCdevkit/VOC2012'
    SPLITS = {'train': 1464, 'val': 1449, 'trainval': 2913, 'train_aug': 10_582}
    MAIN_SPLITS = {'train': 5717, 'val': 5823, 'trainval': 11_540}
    NUM_CLASSES = 20
    BOXES_TO_LAST_PIXEL = True

    def __init__(
        self,
        data_root: str | None = None,
        split: str = 'train_aug',
        test_mode: bool | None = None,
        labels: str = 'each',
        masks: bool = False,
        image_set: str = 'Segmentation',
        **kwargs: Any,
    ) -> None:
        if image_set not in ('Segmentation', 'Main') or (
            image_set == 'Main' and (masks or split == 'train_aug')
        ):
            raise ValueError(
                f"image_set must be 'Segmentation' or, without masks and train_aug, 'Main'; got {image_set!r} with "
                f'masks={masks}, split={split!r}'
            )
        self.image_set = image_set
        super().__init__(data_root, split, test_mode, labels, masks, **kwargs)

    @property
    def published_images(self) -> int | None:
        size = super().published_images
        return self.MAIN_SPLITS[self.split] if size and self.image_set == 'Main' else size

    def annotation_paths(self) -> list[str]:
        return [*self._lists(), os.path.join(self.data_root, 'Annotations')]

    def read_images(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        path = first_existing(self._lists(), f'list of VOC12 ({self.image_set}, {self.split})')
        lines = [line.split()[0] for line in read_lines(path)]
        return [self._read_image(os.path.splitext(os.path.basename(line))[0]) for line in lines], CLASSES

    def _read_image(self, stem: str) -> dict[str, Any]:
        path = os.path.join(self.data_root, 'Annotations', f'{stem}.xml')
        xml = read_xml(path)
        if not xml.names:
            raise ValueError(f'{path}: has no object')
        labels = labels_of(xml.names, CLASSES, path)
        image: dict[str, Any] = {
            'img_id': stem,
            'img_path': os.path.join(self.data_root, 'JPEGImages', f'{stem}.jpg'),
            'gt_labels': sorted(set(labels)),
        }
        if self.reads_boxes:
            image['size'] = xml.size
            image['of_label'] = {
                label: self._locate(stem, label, labels, xml) for label in image['gt_labels']
            }
        return image

    def _locate(self, stem: str, label: int, labels: Sequence[int], xml: Any) -> dict[str, Any]:
        chosen = [i for i, of_object in enumerate(labels) if of_object == label and not xml.difficult[i]]
        mask = {'class_mask': (self._mask_path(stem), label + 1)} if self.masks else {}
        return {'gt_bboxes': xml.bboxes[chosen], **mask}

    def _mask_path(self, stem: str) -> str:
        folder = 'SegmentationClassAug' if self.split == 'train_aug' else 'SegmentationClass'
        return os.path.join(self.data_root, folder, f'{stem}.png')

    def _lists(self) -> list[str]:
        names = ('train_aug', 'trainaug') if self.split == 'train_aug' else (self.split,)
        return [os.path.join(self.data_root, 'ImageSets', self.image_set, f'{name}.txt') for name in names]
