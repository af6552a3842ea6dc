from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from .annotation_files import check_boxes, read_image_size
from .data_root import resolve_data_path
from .transforms.loading import UnreadableImageError

LOCATION_KEYS = ('gt_bboxes', 'gt_mask', 'mask_path', 'mask_paths', 'ignore_path')


class WSOLDataset(BaseDataset):
    """Images with one image-level label each; boxes and masks only in test mode.

    A data set states :meth:`read_entries`; everything that could fail after hours is checked here when it is
    built: every image file exists, labels lie in [0, K), every class has training images, boxes lie in their
    images. A file that cannot be decoded is an error in test mode; in training another image takes its place,
    it is logged and counted (``num_skipped``), and more than ``max_broken`` of the images read (beyond the
    first few) is an error.

    ``data_root`` is taken relative to ``MMWSOL_DATA_ROOT``. ``shots`` keeps so many training images of each class,
    drawn with ``shots_seed`` for each class on its own (few-shot training).
    """

    FREE_SKIPS = 8

    def __init__(
        self,
        data_root: str = '',
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        max_broken: float = 0.05,
        shots: int | None = None,
        shots_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        if shots is not None and (test_mode or shots < 1):
            raise ValueError(
                f'shots keeps at least one image of each class, in training only; got shots={shots}'
            )
        self.max_broken = max_broken
        self.shots = shots
        self.shots_seed = shots_seed
        self._read_counts = torch.zeros(2, dtype=torch.int64).share_memory_()  # seen, skipped
        super().__init__(
            data_root=resolve_data_path(data_root), pipeline=list(pipeline), test_mode=test_mode, **kwargs
        )

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        """All images and the class names.

        An entry has ``img_id``, ``img_path``, ``gt_label`` (int) and, if ``test_mode``, may have
        ``gt_bboxes`` ((M, 4) float64 xyxy in pixels of the file), ``size`` (W, H), and either ``mask_path``
        (one file with 0 background, 1 object, 255 ignored, of the image's size) or ``mask_paths`` (one file an
        instance, object where > 0, of any size) with ``ignore_path`` (or ``None``).
        """
        raise NotImplementedError(f'{type(self).__name__} must implement read_entries()')

    @property
    def num_classes(self) -> int:
        self.full_init()
        return len(self._metainfo['classes'])

    @property
    def num_skipped(self) -> int:
        """Broken training images that were replaced, over all workers of this process."""
        return int(self._read_counts[1])

    def load_data_list(self) -> list[dict[str, Any]]:
        entries, classes = self.read_entries()
        self._metainfo.setdefault('classes', tuple(classes))
        if not entries:
            raise ValueError(f'{self.data_root}: {type(self).__name__} found no images; check data_root')
        self._check_labels(entries)
        if self.shots is not None:
            entries = self._draw_shots(entries, self.shots)
        _check_files([entry['img_path'] for entry in entries])
        if self.test_mode:
            _check_files([path for entry in entries for path in _mask_files(entry)], 'mask')
            self._check_boxes(entries)
        unwanted = ('size',) if self.test_mode else ('size', *LOCATION_KEYS)
        return [{key: entry[key] for key in entry if key not in unwanted} for entry in entries]

    def get_data_info(self, idx: int) -> dict[str, Any]:
        return {**super().get_data_info(idx), 'test_mode': self.test_mode}

    def get_cat_ids(self, idx: int) -> list[int]:
        return [self.get_data_info(idx)['gt_label']]

    def prepare_data(self, idx: int) -> Any:
        """The sample after the pipeline; ``None`` for a broken training image, so that another is drawn."""
        self._read_counts[0] += 1
        try:
            return super().prepare_data(idx)
        except UnreadableImageError as error:
            if self.test_mode:
                raise
            self._read_counts[1] += 1
            self._report_skip(error)
            return None

    def _report_skip(self, error: UnreadableImageError) -> None:
        seen, skipped = self._read_counts.tolist()
        if skipped > max(self.FREE_SKIPS, self.max_broken * seen):
            raise ValueError(
                f'{skipped} of {seen} training images read are broken, more than {self.max_broken:.0%}; '
                f'repair the data or raise max_broken. The last one: {error}'
            ) from error
        print_log(
            f'skipped a training image ({skipped} of {seen} read so far): {error}',
            logger='current',
            level=logging.WARNING,
        )

    def _draw_shots(self, entries: list[dict[str, Any]], shots: int) -> list[dict[str, Any]]:
        """``shots`` entries of each class, in the order of the data set; ``ValueError`` if a class has fewer."""
        labels = np.array([entry['gt_label'] for entry in entries])  # (N,)
        counts = np.bincount(labels)
        if counts.min() < shots:
            label = int(counts.argmin())
            raise ValueError(
                f'shots={shots}, but class {self._metainfo["classes"][label]} of {self.data_root} has '
                f'{counts[label]} training images'
            )
        kept = [
            np.random.default_rng([self.shots_seed, label]).choice(
                np.flatnonzero(labels == label), shots, False
            )
            for label in range(len(counts))
        ]
        return [entries[i] for i in np.sort(np.concatenate(kept))]

    def _check_labels(self, entries: list[dict[str, Any]]) -> None:
        classes = self._metainfo['classes']
        labels = np.array([entry['gt_label'] for entry in entries])  # (N,)
        bad = (labels < 0) | (labels >= len(classes))
        if bad.any():
            entry = entries[int(bad.argmax())]
            raise ValueError(
                f'labels must lie in [0, {len(classes)}), the number of classes of {self.data_root}; got '
                f'{entry["gt_label"]} for {entry["img_id"]} ({int(bad.sum())} such images)'
            )
        empty = np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0)
        if len(empty) and not self.test_mode:
            names = ', '.join(str(classes[i]) for i in empty[:10])
            raise ValueError(
                f'every class must have training images; {len(empty)} of {len(classes)} in '
                f'{self.data_root} have none: {names}{" .." if len(empty) > 10 else ""}. '
                'Remove these classes or add images'
            )

    def _check_boxes(self, entries: list[dict[str, Any]]) -> None:
        with_boxes = [entry for entry in entries if len(entry.get('gt_bboxes', ()))]
        bare = sum(not len(entry.get('gt_bboxes', ())) and not _mask_files(entry) for entry in entries)
        if bare:
            print_log(
                f'{bare} of {len(entries)} images of {self.data_root} have no box',
                logger='current',
            )
        past = check_boxes(
            [entry['img_id'] for entry in with_boxes],
            [entry['gt_bboxes'] for entry in with_boxes],
            [entry.get('size') or read_image_size(entry['img_path']) for entry in with_boxes],
            self.data_root,
        )
        if past:
            print_log(
                f'{past} boxes of {self.data_root} reach slightly past their image and are used as published',
                logger='current',
            )


def _mask_files(entry: Mapping[str, Any]) -> list[str]:
    """All mask files of an entry."""
    files = [*entry.get('mask_paths', ()), entry.get('mask_path'), entry.get('ignore_path')]
    return [path for path in files if path]


def _check_files(paths: Sequence[str], kind: str = 'image') -> None:
    """``FileNotFoundError`` unless all files exist; lists each folder once instead of asking file by file."""
    folders: dict[str, set[str]] = {}
    missing = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            try:
                folders[folder] = set(os.listdir(folder or '.'))
            except (FileNotFoundError, NotADirectoryError):
                folders[folder] = set()
        if name not in folders[folder]:
            missing.append(path)
    if missing:
        raise FileNotFoundError(
            f'{len(missing)} of {len(paths)} {kind} files are missing, first {", ".join(missing[:3])}; check '
            'data_root and MMWSOL_DATA_ROOT, or complete the download'
        )
