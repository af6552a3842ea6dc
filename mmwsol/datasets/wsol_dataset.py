from __future__ import annotations

import gc
import hashlib
import json
import logging
import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from .annotation_files import check_boxes, read_image_size
from .class_draw import draw_of_each_class
from .data_root import resolve_data_path
from .index_cache import Index, code_files, index_folder, open_index, save_index, states
from .transforms.loading import UnreadableImageError

LOCATION_KEYS = (
    'gt_bboxes', 'gt_mask', 'mask_path', 'mask_paths', 'ignore_path', 'mask_votes', 'class_mask', 'mask_rle',
)  # fmt: skip


class WSOLDataset(BaseDataset):
    """Images with one image-level label each; boxes and masks only in test mode.

    A data set states :meth:`read_entries`; everything that could fail after hours is checked here when it is
    built: every image file exists, labels lie in [0, K), every class has training images, boxes lie in their
    images. A file that cannot be decoded is an error in test mode; in training another image takes its place,
    it is logged and counted (``num_skipped``), and more than ``max_broken`` of the images read (beyond the
    first few) is an error.

    The list of a large data set is kept in ``index_cache.index_folder()``, see :meth:`annotation_paths`, and later
    processes map it instead of reading and checking it again. ``data_root`` is taken relative to
    ``MMWSOL_DATA_ROOT``. ``shots`` keeps so many training images of each class,
    drawn with ``shots_seed`` for each class on its own (few-shot training).

    ``holdout`` takes so many images of each class away from the split, drawn with ``holdout_seed``; with
    ``held_out`` it is these that the data set has: a validation split out of the training list. An image of several
    classes counts for each of them and goes to one side as a whole.
    ``with_boxes=False`` never opens box or mask files, in test mode neither. ``metainfo['split']`` names the
    split, so that a choice made on test data can be told.
    """

    # whether right and lower edge are the last pixel, not one past it
    BOXES_TO_LAST_PIXEL: ClassVar[bool] = False
    FREE_SKIPS = 8
    INDEX_FROM = 20_000  # images from which on the list is kept on disk
    NO_ARGUMENTS = ('pipeline', 'data_list', 'max_broken', 'max_refetch', '_image_folders', '_read_counts')
    SETTLED_NS = 2_000_000_000  # an index of files that changed less than this before it is not kept

    def __init__(
        self,
        data_root: str = '',
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        max_broken: float = 0.05,
        shots: int | None = None,
        shots_seed: int = 0,
        holdout: int = 0,
        holdout_seed: int = 0,
        held_out: bool = False,
        with_boxes: bool = True,
        **kwargs: Any,
    ) -> None:
        if shots is not None and (test_mode or shots < 1):
            raise ValueError(
                f'shots keeps at least one image of each class, in training only; got shots={shots}'
            )
        if holdout < 0 or (held_out and not holdout):
            raise ValueError(
                f'holdout must be the number of images held out of each class, and positive for a validation '
                f'split of these; got holdout={holdout}; state the same number in the training data set'
            )
        self.holdout = holdout
        self.holdout_seed = holdout_seed
        self.held_out = held_out
        self.with_boxes = with_boxes
        self.max_broken = max_broken
        self.shots = shots
        self.shots_seed = shots_seed
        self._image_folders: list[str] = []
        self._read_counts = torch.zeros(2, dtype=torch.int64).share_memory_()  # seen, skipped
        super().__init__(
            data_root=resolve_data_path(data_root), pipeline=list(pipeline), test_mode=test_mode, **kwargs
        )

    def read_entries(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        """All images and the class names.

        An entry has ``img_id``, ``img_path``, ``gt_label`` (int) and, if ``reads_boxes``, may have
        ``gt_bboxes`` ((M, 4) float64 xyxy in pixels of the file), ``size`` (W, H), and either ``mask_path``
        (one file with 0 background, 1 object, 255 ignored, of the image's size) or ``mask_paths`` (one file an
        instance, object where > 0, of any size) with ``ignore_path`` (or ``None``), or ``mask_votes`` (one file, object
        where at least 128, half of the annotators; of any size), or ``class_mask`` (one file of class
        numbers and the number of this class), or ``mask_rle``, see ``coco14.py``. Where an image shows several classes,
        ``gt_labels`` has all of them.
        """
        raise NotImplementedError(f'{type(self).__name__} must implement read_entries()')

    def read_part(self) -> tuple[list[dict[str, Any]], Sequence[str]]:
        """What :meth:`read_entries` returns, without the images held out, or these alone if ``held_out``."""
        entries, classes = self.read_entries()
        return self.hold_out(entries, classes), classes

    def annotation_paths(self) -> Sequence[str] | None:
        """Files and folders that :meth:`read_entries` depends on, besides the folders that hold the images.

        With them the list may be kept on disk until one of them, of the image folders or of the files of the class and
        its bases changes. A folder changes when files come and go, not when one is rewritten. ``None``: never kept.
        """
        return None

    @property
    def reads_boxes(self) -> bool:
        """Whether boxes and masks are read and handed out."""
        return self.test_mode and self.with_boxes

    @property
    def split_name(self) -> str | None:
        """Name of the split, with ``test`` in it if it is test data; ``val`` if held out of training data."""
        name = self._own_split()
        return 'val' if self.held_out and (name or 'train').startswith('train') else name

    def _own_split(self) -> str | None:
        return getattr(self, 'split', None)

    @property
    def num_classes(self) -> int:
        self.full_init()
        return len(self._metainfo['classes'])

    @property
    def num_skipped(self) -> int:
        """Broken training images that were replaced, over all workers of this process."""
        return int(self._read_counts[1])

    def full_init(self) -> None:
        """Read and check the list, or map it from disk."""
        if self._fully_initialized:
            return
        self._metainfo.setdefault('split', self.split_name)
        path = self._index_path()
        if path is None or not self._use_index(path):
            started = time.time_ns()
            with _collection_paused():
                super().full_init()
            if path is not None and len(self) >= self.INDEX_FROM:
                self._keep_index(path, started)

    def _index_path(self) -> str | None:
        """Where the index of this class with these very arguments lies; ``None`` if none may be kept."""
        if self.annotation_paths() is None or not self.serialize_data or self._indices is not None:
            return None
        arguments = {key: value for key, value in vars(self).items() if key not in self.NO_ARGUMENTS}
        owner = [type(self).__module__, type(self).__qualname__, os.path.abspath(self.data_root)]
        try:
            text = json.dumps([*owner, arguments], sort_keys=True, default=os.fspath)
            code_files(type(self))
        except (TypeError, OSError):  # an argument that has no lasting text, or a class of no file
            return None
        return os.path.join(index_folder(), hashlib.sha256(text.encode()).hexdigest()[:32])

    def _use_index(self, path: str) -> bool:
        index = open_index(path)
        if index is None:
            return False
        self.data_bytes, self.data_address = index.data, index.ends
        self._metainfo.setdefault('classes', tuple(index.meta['classes']))
        self._fully_initialized = True
        return True

    def _keep_index(self, path: str, started: int) -> None:
        paths = (*(self.annotation_paths() or ()), *self._image_folders, *code_files(type(self)))
        sources = states(paths)
        if any(state and state[0] > started - self.SETTLED_NS for state in sources.values()):
            return
        meta = {'classes': list(self._metainfo['classes'])}
        try:
            save_index(path, Index(self.data_bytes, self.data_address, meta), sources)
        except OSError as error:
            print_log(f'the index of {self.data_root} is not kept: {error}', logger='current')
        else:
            self._use_index(path)

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """MMEngine's format, in a third of its time."""
        pieces = [pickle.dumps(entry, protocol=4) for entry in self.data_list]
        self.data_list.clear()
        ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)  # (N,)
        return np.frombuffer(b''.join(pieces), np.uint8), ends

    def load_data_list(self) -> list[dict[str, Any]]:
        entries, classes = self.read_part()
        self._metainfo.setdefault('classes', tuple(classes))
        if not entries:
            raise ValueError(f'{self.data_root}: {type(self).__name__} found no images; check data_root')
        self._check_labels(entries)
        if self.shots is not None:
            entries = self._draw_shots(entries, self.shots)
        self._image_folders = _check_files([entry['img_path'] for entry in entries])
        if self.reads_boxes:
            self._image_folders += _check_files([path for e in entries for path in _mask_files(e)], 'mask')
            self._check_boxes(entries)
        unwanted = {'size'} if self.reads_boxes else {'size', *LOCATION_KEYS}
        for entry in entries:
            for key in unwanted & entry.keys():
                del entry[key]
        return entries

    def get_data_info(self, idx: int) -> dict[str, Any]:
        return {**super().get_data_info(idx), 'test_mode': self.test_mode}

    def image_paths(self) -> list[str]:
        """The image file of every sample."""
        return [BaseDataset.get_data_info(self, idx)['img_path'] for idx in range(len(self))]

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

    def hold_out(self, images: list[dict[str, Any]], classes: Sequence[str]) -> list[dict[str, Any]]:
        """The images that are held out, if ``held_out``, else the others, in the order given.

        An image with ``gt_labels`` counts for each of them, see :func:`draw_of_each_class`.

        Raises:
            ValueError: a class would have no image left.
        """
        if not self.holdout:
            return images
        self._check_range(images, classes)
        labels = [shown_labels(image) for image in images]
        out = np.zeros(len(images), bool)
        out[draw_of_each_class(labels, self.holdout, self.holdout_seed)] = True
        left = {label for of_image, is_out in zip(labels, out) if not is_out for label in of_image}
        if emptied := sorted({label for of_image in labels for label in of_image} - left):
            count = sum(emptied[0] in of_image for of_image in labels)
            raise ValueError(
                f'holdout={self.holdout} leaves no image of class {classes[emptied[0]]} of {self.data_root}, which has '
                f'{count}; hold out fewer'
            )
        return [image for image, is_out in zip(images, out) if is_out == self.held_out]

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
        return [entries[i] for i in draw_of_each_class(labels[:, None].tolist(), shots, self.shots_seed)]

    def _check_labels(self, entries: list[dict[str, Any]]) -> None:
        classes = self._metainfo['classes']
        labels = self._check_range(entries, classes)
        empty = np.flatnonzero(np.bincount(labels, minlength=len(classes)) == 0)
        if len(empty) and not self.test_mode:
            names = ', '.join(str(classes[i]) for i in empty[:10])
            raise ValueError(
                f'every class must have training images; {len(empty)} of {len(classes)} in '
                f'{self.data_root} have none: {names}{" .." if len(empty) > 10 else ""}. '
                'Remove these classes or add images'
            )

    def _check_range(self, entries: list[dict[str, Any]], classes: Sequence[str]) -> np.ndarray:
        """The labels of all entries, one after the other; ``ValueError`` unless all are of a class."""
        shown = [shown_labels(entry) for entry in entries]
        labels = np.array([label for of_image in shown for label in of_image], np.int64)
        bad = (labels < 0) | (labels >= len(classes))
        if bad.any():
            owner = np.repeat(np.arange(len(entries)), [len(of_image) for of_image in shown])
            place = int(bad.argmax())
            raise ValueError(
                f'labels must lie in [0, {len(classes)}), the number of classes of {self.data_root}; got '
                f'{labels[place]} for {entries[owner[place]]["img_id"]} ({int(bad.sum())} such images)'
            )
        return labels

    def _check_boxes(self, entries: list[dict[str, Any]]) -> None:
        with_boxes = [entry for entry in entries if len(entry.get('gt_bboxes', ()))]
        bare = sum(
            not len(e.get('gt_bboxes', ())) and not _mask_files(e) and 'mask_rle' not in e for e in entries
        )
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


def shown_labels(entry: Mapping[str, Any]) -> Sequence[int]:
    """All classes that the image of an entry shows."""
    return entry.get('gt_labels') or (entry['gt_label'],)


def _mask_files(entry: Mapping[str, Any]) -> list[str]:
    """All mask files of an entry."""
    files = [
        *entry.get('mask_paths', ()),
        *(entry.get(key) for key in ('mask_path', 'ignore_path', 'mask_votes')),
    ]
    files += entry.get('class_mask', ())[:1]
    return [path for path in files if path]


def _check_files(paths: Sequence[str], kind: str = 'image') -> list[str]:
    """The folders of the files, each of which is listed once; ``FileNotFoundError`` unless all files exist."""
    folders: dict[str, set[str]] = {}
    missing = []
    for path in paths:
        folder, name = _split(path)
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
    return [folder or '.' for folder in folders]


def _split(path: str) -> tuple[str, str]:
    """``os.path.split``, which is slow where there is one separator only."""
    if os.altsep is not None or path.rfind('/') == 0:
        return os.path.split(path)
    folder, _, name = path.rpartition('/')
    return folder, name


@contextmanager
def _collection_paused() -> Iterator[None]:
    """Without garbage collection, which walks millions of new objects again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
