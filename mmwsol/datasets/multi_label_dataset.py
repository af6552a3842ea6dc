from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from .published_dataset import PublishedDataset

CHOICES = ('each', 'one', 'random')


class MultiLabelDataset(PublishedDataset):
    """Images that show objects of several classes, made into samples of one class each, as localization needs.

    Every sample also has all classes of its image, ``gt_labels``, for multi-label losses. ``SPLITS`` counts images.
    Papers test on ``val``, as the labels of the test images are not public: ``metainfo`` names it ``val (test)``.

    Args:
        labels: ``each``: a sample for every image and class in it, with the boxes or the mask of that class alone, and
            ``img_id`` ``<image>/<class>``. ``one``: only images that show a single class. ``random``: a sample for every
            image, whose class is drawn anew each time it is loaded; for training (BAS, IJCV 2023).
        masks: in test mode hand out masks beside the boxes.
    """

    def __init__(
        self,
        data_root: str | None = None,
        split: str = 'train',
        test_mode: bool | None = None,
        labels: str = 'each',
        masks: bool = False,
        **kwargs: Any,
    ) -> None:
        if labels not in CHOICES:
            raise ValueError(f'labels must be one of {CHOICES}, got {labels!r}')
        self.labels = labels
        self.masks = masks
        if labels == 'random' and kwargs.get('shots') is not None:
            raise ValueError("shots choose images by their class; use labels='each' or 'one', not 'random'")
        super().__init__(data_root=data_root, split=split, test_mode=test_mode, **kwargs)

    @property
    def published_images(self) -> int | None:
        return None if self.holdout or self.labels == 'one' else super().published_images

    def _own_split(self) -> str:
        return 'val (test)' if self.split == 'val' else self.split

    def read_images(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        """All images that show a class, and the class names.

        An image has ``img_id``, ``img_path``, ``gt_labels`` (ascending) and, in test mode, ``size`` and ``of_label``: the
        location entries (``gt_bboxes``, ``class_mask``, ``mask_rle``) for each of these labels.
        """
        raise NotImplementedError(f'{type(self).__name__} must implement read_images()')

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        images, classes = self.read_images()
        return self._samples(images, classes), classes

    def read_part(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        """As that of other data sets; the images held out are the same ones for all ``labels`` and in both modes."""
        images, classes = self.read_images()
        return self._samples(self.hold_out(images, classes), classes), classes

    def _samples(self, images: list[dict[str, Any]], classes: Sequence[str]) -> list[dict[str, Any]]:
        if self.labels == 'random' and self.test_mode:
            raise ValueError("labels='random' is for training; a test needs 'each' or 'one'")
        if self.labels == 'one':
            images = [image for image in images if len(image['gt_labels']) == 1]
        entries = []
        for image in images:
            of_label = image.pop('of_label', {})
            for label in image['gt_labels'][:1] if self.labels == 'random' else image['gt_labels']:
                entry = {**image, 'gt_label': label, **of_label.get(label, {})}
                if self.labels == 'each':
                    entry['img_id'] = f'{image["img_id"]}/{classes[label]}'
                entries.append(entry)
        return self._locatable(entries) if self.reads_boxes else entries

    def get_data_info(self, idx: int) -> dict[str, Any]:
        info = super().get_data_info(idx)
        if self.labels == 'random':
            info['gt_label'] = int(np.random.choice(info['gt_labels']))
        return info

    def get_cat_ids(self, idx: int) -> list[int]:
        """The class of the sample; of a random one all that it may be."""
        info = super().get_data_info(idx)
        return info['gt_labels'] if self.labels == 'random' else [info['gt_label']]

    def _locatable(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Without those whose class has nothing but difficult objects or crowds, of which there is no true box."""
        kept = [entry for entry in entries if len(entry['gt_bboxes'])]
        if len(kept) < len(entries):
            print_log(
                f'{len(entries) - len(kept)} of {len(entries)} samples of {self.data_root} are left out: their class '
                'has only difficult objects or crowds',
                logger='current',
            )
        return kept
