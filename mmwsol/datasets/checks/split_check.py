"""The faults of one split, given what is on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..annotation_files import box_faults
from ..wsol_dataset import shown_labels
from .faults import Fault
from .image_facts import FileFacts

SHAPE_TOLERANCE = 0.02  # relative difference in aspect ratio of an image and its instance masks
BOX_TEXTS = {
    'inverted': 'is turned inside out or not finite',
    'empty': 'has no area',
    'outside': 'leaves the image',
}

Facts = Mapping[str, FileFacts]
MaskKind = Literal['instance', 'object', 'classes']


@dataclass(frozen=True)
class PublishedSize:
    """How many there are in the published split; ``None`` is not compared."""

    images: int | None
    classes: int | None = None
    per_class: tuple[int, int] | None = None  # fewest and most images of a class
    boxes: int | None = None


@dataclass
class SplitContent:
    """What a split's reader returned; ``root`` stands for the split where no single file is at fault.

    ``num_listed`` is the number of images where the reader leaves out some of them for having no true box. Without
    ``reads_boxes`` there may be more boxes than these; ``to_last_pixel`` is the convention of their edges.
    """

    name: str
    root: str
    entries: list[dict[str, Any]]
    classes: Sequence[str]
    is_train: bool = False
    published: PublishedSize | None = None
    notes: list[str] = field(default_factory=list)
    num_listed: int | None = None
    reads_boxes: bool = True
    to_last_pixel: bool = False

    @property
    def image_paths(self) -> list[str]:
        """Each image once, also where it has an entry for each of its classes."""
        return list(dict.fromkeys(entry['img_path'] for entry in self.entries))

    @property
    def mask_paths(self) -> list[str]:
        return [*self.paths_of_masks(of_classes=False), *self.paths_of_masks(of_classes=True)]

    def paths_of_masks(self, of_classes: bool) -> list[str]:
        """Each mask file once: those of class numbers, or all others."""
        files = (file for entry in self.entries for file in masks_of(entry))
        return list(dict.fromkeys(path for path, kind in files if (kind == 'classes') == of_classes))

    @property
    def num_images(self) -> int:
        return len(self.image_paths) if self.num_listed is None else self.num_listed

    @property
    def num_boxes(self) -> int:
        return sum(len(entry.get('gt_bboxes', ())) for entry in self.entries)

    def class_counts(self) -> np.ndarray:
        """Images of each class (K,); one with several classes counts for each of them."""
        of_image = {entry['img_path']: shown_labels(entry) for entry in self.entries}
        labels = np.array([label for shown in of_image.values() for label in shown], np.int64)
        labels = labels[(labels >= 0) & (labels < len(self.classes))]
        return np.bincount(labels, minlength=len(self.classes))  # (K,)


def masks_of(entry: Mapping[str, Any]) -> list[tuple[str, MaskKind]]:
    """Mask files of an entry and what they hold."""
    instances = (*entry.get('mask_paths', ()), entry.get('ignore_path'), entry.get('mask_votes'))
    files: list[tuple[str, MaskKind]] = [(path, 'instance') for path in instances if path]
    if entry.get('mask_path'):
        files.append((entry['mask_path'], 'object'))
    if entry.get('class_mask'):
        files.append((entry['class_mask'][0], 'classes'))
    return files


def check_split(split: SplitContent, images: Facts, masks: Facts) -> Iterator[Fault]:
    """All faults within a split; what is unusual but allowed is added to ``split.notes``."""
    yield from _check_files(split, images, masks)
    yield from _check_labels(split)
    yield from _check_duplicates(split, images)
    yield from _check_boxes(split, images)
    yield from _check_masks(split, images, masks)
    yield from _check_published(split)
    rotated = sum(images[path].rotated for path in split.image_paths)
    if rotated:
        split.notes.append(
            f'{rotated} images have an EXIF orientation, which is ignored: boxes must be in stored pixels'
        )
    located = sum(
        bool(len(entry.get('gt_bboxes', ())) or masks_of(entry) or 'mask_rle' in entry)
        for entry in split.entries
    )
    if 0 < located < len(split.entries):
        split.notes.append(f'{len(split.entries) - located} images have neither box nor mask')


def _check_files(split: SplitContent, images: Facts, masks: Facts) -> Iterator[Fault]:
    for facts, paths in ((images, split.image_paths), (masks, split.mask_paths)):
        for path in dict.fromkeys(paths):
            if (fault := facts[path].fault) is not None:
                yield Fault(fault[0], split.name, path, fault[1])


def _check_labels(split: SplitContent) -> Iterator[Fault]:
    count = len(split.classes)
    for entry in split.entries:
        labels = np.append(shown_labels(entry), entry['gt_label'])
        for label in np.unique(labels[(labels < 0) | (labels >= count)]):
            detail = f'label {label} must lie in 0..{count - 1}'
            yield Fault('label_range', split.name, entry['img_path'], detail)
    empty = [name for name, images in zip(split.classes, split.class_counts()) if images == 0]
    if split.is_train:
        for name in empty:
            yield Fault('class_gap', split.name, split.root, f'class {name} has no image')
    elif empty:
        split.notes.append(f'{len(empty)} of {count} classes have no image here')


def _check_duplicates(split: SplitContent, images: Facts) -> Iterator[Fault]:
    listed: dict[tuple[str, ...], int] = defaultdict(int)
    by_content: dict[bytes, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for entry in split.entries:
        path = entry['img_path']
        listed[(path, entry['img_id']) if 'gt_labels' in entry else (path,)] += 1
        if images[path].digest:
            by_content[images[path].digest][path] = tuple(shown_labels(entry))
    for (path, *_), count in listed.items():
        if count > 1:
            yield Fault('duplicate_entry', split.name, path, f'listed {count} times')
    for same in by_content.values():
        (first, label), *others = same.items()
        for path, other in others:
            kind = 'duplicate_image' if other == label else 'label_conflict'
            yield Fault(kind, split.name, path, f'same content as {first}' + _labels(label, other))


def _labels(one: tuple[int, ...], other: tuple[int, ...]) -> str:
    return '' if one == other else f', labels {", ".join(map(str, other))} and {", ".join(map(str, one))}'


def _check_boxes(split: SplitContent, images: Facts) -> Iterator[Fault]:
    entries = []
    for entry in split.entries:
        stated, real = entry.get('size'), images[entry['img_path']].size
        if stated is not None and real is not None and tuple(stated) != tuple(real):
            detail = f'stated {stated[0]} x {stated[1]}, has {real[0]} x {real[1]} (width x height)'
            yield Fault('size_mismatch', split.name, entry['img_path'], detail)
        if len(entry.get('gt_bboxes', ())) and (real or stated):
            entries.append((entry['img_path'], np.asarray(entry['gt_bboxes'], np.float64), real or stated))
    if not entries:
        return
    owner = np.repeat(np.arange(len(entries)), [len(boxes) for _, boxes, _ in entries])  # (M,)
    boxes = np.concatenate([boxes for _, boxes, _ in entries])  # (M, 4)
    sizes = np.array([size for *_, size in entries], dtype=np.float64)[owner]  # (M, 2)
    found = box_faults(boxes, sizes, to_last_pixel=split.to_last_pixel)
    for what, text in BOX_TEXTS.items():
        for i in np.flatnonzero(found[what]):
            path, _, (w, h) = entries[owner[i]]
            detail = f'box {boxes[i].tolist()} (x0, y0, x1, y1) {text} of {w} x {h}'
            yield Fault(f'box_{what}', split.name, path, detail)
    slightly = int((found['past'] & ~found['outside']).sum())
    if slightly:
        split.notes.append(f'{slightly} boxes reach slightly past their image and are used as published')


def _check_masks(split: SplitContent, images: Facts, masks: Facts) -> Iterator[Fault]:
    scaled = 0
    known = {'object': {0, 1, 255}, 'classes': {*range(len(split.classes) + 1), 255}}
    for entry in split.entries:
        size = images[entry['img_path']].size
        for path, kind in masks_of(entry):
            facts = masks[path]
            if size is None or facts.size is None:
                continue
            ratio = facts.size[0] * size[1] / (facts.size[1] * size[0])
            differs = facts.size != size
            if abs(ratio - 1) > SHAPE_TOLERANCE or (differs and kind != 'instance'):
                text = (
                    f'{facts.size[0]} x {facts.size[1]}, its image {entry["img_path"]} {size[0]} x {size[1]}'
                )
                yield Fault('mask_size', split.name, path, text)
            scaled += differs and kind == 'instance'
            if strange := sorted(set(facts.values) - known.get(kind, set(facts.values))):
                more = f' and {len(strange) - 5} more' if len(strange) > 5 else ''
                yield Fault('mask_values', split.name, path, f'holds {strange[:5]}{more}')
    if scaled:
        split.notes.append(
            f'{scaled} instance masks have another size than their image and are resized with it'
        )


def _check_published(split: SplitContent) -> Iterator[Fault]:
    if split.published is None:
        return
    counts = split.class_counts()
    lowest, highest = (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)
    found = {
        'images': split.num_images,
        'classes': len(split.classes),
        'images of a class': (lowest, highest),
        'boxes': split.num_boxes if split.reads_boxes else None,
    }
    published = split.published
    wanted = dict(zip(found, (published.images, published.classes, published.per_class, published.boxes)))
    different = [
        f'{_range(value)} {what} (published {_range(wanted[what])})'
        for what, value in found.items()
        if None not in (wanted[what], value) and wanted[what] != value
    ]
    if different:
        yield Fault('split_size', split.name, split.root, ', '.join(different))


def _range(value: Any) -> str:
    return f'{value[0]}-{value[1]}' if isinstance(value, tuple) else str(value)
