"""Readers of the two annotation layouts that WSOL is published with: CUB's and wsolevaluation's metadata.

Both return one dict per image with ``img_id`` (str), ``gt_label`` (int, from 0), ``gt_bboxes`` ((M, 4) float64
xyxy in pixels of the original image, exactly as published) and, where the files state it, ``size`` (W, H).
Where ``localization.txt`` points to masks instead, there are ``mask_paths`` and ``ignore_path`` in place of boxes.
Every error names file and line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

MASK_SUFFIXES = {'.png', '.bmp', '.tif', '.tiff', '.gif', '.jpg', '.jpeg'}


def read_cub(root: str, with_boxes: bool = True, train: bool | None = None) -> list[dict[str, Any]]:
    """Images in CUB-200-2011's layout, in the order of ``images.txt``; also ``img_path``, ``is_train``.

    ``img_id`` is the path below ``images/``, as in wsolevaluation. ``with_boxes=False`` never opens
    ``bounding_boxes.txt``; ``train`` keeps one split, and the boxes of the other need not be there. ``size`` comes
    from the optional ``image_sizes.txt``.
    """
    num_classes = len(read_cub_classes(root))
    paths = read_table(os.path.join(root, 'images.txt'), 1, ' ', str)
    labels = read_table(os.path.join(root, 'image_class_labels.txt'), 1, ' ', int)
    splits = read_table(os.path.join(root, 'train_test_split.txt'), 1, ' ', int)
    boxes = read_table(os.path.join(root, 'bounding_boxes.txt'), 4, ' ', float) if with_boxes else {}
    sizes_file = os.path.join(root, 'image_sizes.txt')
    sizes = read_table(sizes_file, 2, ' ', int) if with_boxes and _has_lines(sizes_file) else {}
    _check_range(labels, 1, num_classes, os.path.join(root, 'image_class_labels.txt'))
    _check_range(splits, 0, 1, os.path.join(root, 'train_test_split.txt'))
    entries = []
    for key, (img_id,) in paths.items():
        is_train = look_up(splits, key, root, 'train_test_split.txt')[0] == 1
        if train not in (None, is_train):
            continue
        entry = {
            'img_id': img_id,
            'img_path': os.path.join(root, 'images', img_id),
            'gt_label': look_up(labels, key, root, 'image_class_labels.txt')[0] - 1,
            'is_train': is_train,
        }
        if with_boxes:
            x, y, w, h = look_up(boxes, key, root, 'bounding_boxes.txt')
            entry['gt_bboxes'] = np.array([[x, y, x + w, y + h]], dtype=np.float64)  # (1, 4)
        if sizes:
            entry['size'] = tuple(look_up(sizes, key, root, 'image_sizes.txt'))
        entries.append(entry)
    return entries


def read_cub_classes(root: str) -> tuple[str, ...]:
    """Class names of ``classes.txt``; its ids must be 1, 2, .. K in this order."""
    path = os.path.join(root, 'classes.txt')
    names = read_table(path, 1, ' ', str)
    for number, key in enumerate(names, start=1):
        if key != str(number):
            raise ValueError(
                f'{path}, line {number}: class ids must be 1..{len(names)} without gaps, got {key!r}; '
                'renumber the classes here and in image_class_labels.txt'
            )
    return tuple(name for (name,) in names.values())


def read_wsol_metadata(
    ann_dir: str,
    with_boxes: bool = True,
    num_classes: int | None = None,
    ids_file: str = 'image_ids.txt',
) -> list[dict[str, Any]]:
    """Images of wsolevaluation's metadata layout, in the order of ``ids_file``.

    ``image_sizes.txt`` and ``localization.txt`` may be absent or empty (``gt_bboxes`` is then (0, 4)) and are
    read for boxes only; an image may have several. Where ``localization.txt`` holds masks, see
    ``read_mask_rows``, an entry has ``mask_paths`` and ``ignore_path`` as written there instead of ``gt_bboxes``.
    Labels must lie in [0, ``num_classes``) where that is given.
    """
    ids_path, labels_file, sizes_file, boxes_file = (
        os.path.join(ann_dir, name)
        for name in (ids_file, 'class_labels.txt', 'image_sizes.txt', 'localization.txt')
    )
    labels = read_table(labels_file, 1, ',', int, from_right=True)
    _check_range(labels, 0, np.inf if num_classes is None else num_classes - 1, labels_file)
    sizes: dict[str, list[int]] = {}
    boxes: dict[str, list[list[float]]] = {}
    if with_boxes and _has_lines(sizes_file):
        sizes = read_table(sizes_file, 2, ',', int, from_right=True)
    masks: dict[str, tuple[list[str], str | None]] = {}
    if with_boxes and _has_lines(boxes_file):
        if _holds_masks(boxes_file):
            masks = read_mask_rows(boxes_file)
        else:
            for img_id, box in read_rows(boxes_file, 4, ',', float, from_right=True):
                boxes.setdefault(img_id, []).append(box)
    entries = [
        {'img_id': img_id, 'gt_label': look_up(labels, img_id, ann_dir, 'class_labels.txt')[0]}
        for img_id in check_unique(read_lines(ids_path), ids_path)
    ]
    if not with_boxes:
        return entries
    for entry in entries:
        img_id = entry['img_id']
        if masks:
            entry['mask_paths'], entry['ignore_path'] = look_up(masks, img_id, ann_dir, 'localization.txt')
        else:
            entry['gt_bboxes'] = np.array(boxes.get(img_id, ()), dtype=np.float64).reshape(-1, 4)  # (M, 4)
        if sizes:
            entry['size'] = tuple(look_up(sizes, img_id, ann_dir, 'image_sizes.txt'))
    return entries


def read_mask_rows(path: str) -> dict[str, tuple[list[str], str | None]]:
    """Mask files and ignore file (or ``None``) by image, of rows ``id,mask,ignore``: OpenImages' layout.

    A row is one instance. An image's ignore file, the region that counts neither way, stands in one of its rows
    and the field is empty in the others.
    """
    masks: dict[str, list[str]] = {}
    ignored: dict[str, str] = {}
    rows = read_rows(path, 2, ',', str, from_right=True)
    for number, (img_id, (mask, ignore)) in enumerate(rows, start=1):
        if not mask:
            raise ValueError(f'{path}, line {number}: {img_id!r} has no mask file; write id,mask,ignore')
        masks.setdefault(img_id, []).append(mask)
        if ignore and ignored.setdefault(img_id, ignore) != ignore:
            raise ValueError(
                f'{path}, line {number}: {img_id!r} has a second ignore file, {ignore!r}; leave the field empty '
                'in all but one of its rows'
            )
    return {img_id: (files, ignored.get(img_id)) for img_id, files in masks.items()}


def check_boxes(
    names: Sequence[str],
    bboxes: Sequence[np.ndarray],
    sizes: Sequence[tuple[int, int]],
    source: str,
    tolerance: float = 0.1,
) -> int:
    """Number of boxes that reach past the edge of their image, which official annotations do (16 in CUB).

    Raises:
        ValueError: a box is not finite, is turned inside out, or leaves the image by more than ``tolerance``
            of its side.
    """
    owner = np.repeat(np.arange(len(names)), [len(b) for b in bboxes])  # (M,)
    if len(owner) == 0:
        return 0
    boxes = np.concatenate(bboxes)  # (M, 4)
    faults = box_faults(boxes, np.asarray(sizes, dtype=np.float64)[owner], tolerance)
    bad = faults['inverted'] | faults['outside']
    if bad.any():
        i = int(bad.argmax())
        raise ValueError(
            f'{source}: {int(bad.sum())} of {len(boxes)} boxes do not lie in their image; first '
            f'{names[owner[i]]} with box {boxes[i].tolist()} (x0, y0, x1, y1) in an image of '
            f'{sizes[owner[i]]} (W, H). Boxes must be in pixels of the stored file: was the image resized '
            'without its boxes?'
        )
    return int(faults['past'].sum())


def box_faults(
    boxes: np.ndarray, sizes: np.ndarray, tolerance: float = 0.1, to_last_pixel: bool = False
) -> dict[str, np.ndarray]:
    """What is wrong with boxes (M, 4) xyxy in images of ``sizes`` (M, 2) as (W, H): a mask (M,) by name.

    ``inverted``: not finite or turned inside out; ``empty``: without area, which a box ``to_last_pixel`` always has;
    ``outside``: beyond the image by more than ``tolerance`` of its side, or wholly; ``past``: beyond its edge at all.
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    past = np.maximum(-low, high - sizes)  # (M, 2): pixels beyond the nearest edge
    inverted = (high < low).any(1) | ~np.isfinite(boxes).all(1)
    return {
        'inverted': inverted,
        'empty': ~inverted & (high == low).any(1) & (not to_last_pixel),
        'outside': ~inverted
        & ((past > tolerance * sizes).any(1) | (low >= sizes).any(1) | (high < 0).any(1)),
        'past': ~inverted & (past > 0).any(1),
    }


def read_image_size(path: str) -> tuple[int, int]:
    """(W, H) from the file's header, without decoding."""
    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise ValueError(f'{path}: not a readable image ({error}); replace the file') from error


def _has_lines(path: str) -> bool:
    return os.path.exists(path) and os.path.getsize(path) > 0


def _holds_masks(path: str) -> bool:
    """Whether a ``localization.txt`` holds rows ``id,mask,ignore``, not ``id,x0,y0,x1,y1``."""
    fields = read_lines(path)[0].split(',')
    return len(fields) >= 3 and any(
        os.path.splitext(field)[1].lower() in MASK_SUFFIXES for field in fields[-2:]
    )


def read_lines(path: str) -> list[str]:
    """The lines of a file, which must be there, have some, and be UTF-8, with or without a mark of it at the start."""
    try:
        with open(path, encoding='utf-8-sig') as file:
            text = file.read().rstrip('\n')
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'{path}: annotation file missing; check data_root and MMWSOL_DATA_ROOT'
        ) from error
    except UnicodeDecodeError as error:
        line = 1 + error.object.count(b'\n', 0, error.start)
        raise ValueError(
            f'{path}, line {line}: not UTF-8 ({error.reason}); save the file as UTF-8'
        ) from error
    if not text:
        raise ValueError(f'{path}: empty; an annotation file must have one line per entry')
    return text.split('\n')


def read_names(path: str) -> list[str]:
    """One name a line, without blanks around it; empty lines are left out."""
    return [line.strip() for line in read_lines(path) if line.strip()]


def read_rows(
    path: str, num_values: int, sep: str, convert: Callable[[str], Any], from_right: bool = False
) -> list[tuple[str, list[Any]]]:
    """Lines ``id<sep>value<sep>...`` as (id, values); ``from_right`` allows the separator within the id."""
    lines = read_lines(path)
    split = str.rsplit if from_right else str.split
    try:
        return _convert_rows(lines, split, num_values, sep, convert)
    except ValueError:
        for number, line in enumerate(lines, start=1):
            try:
                _convert_rows([line], split, num_values, sep, convert)
            except ValueError:
                raise ValueError(
                    f'{path}, line {number}: must be an id and {num_values} {convert.__name__} value(s) '
                    f'separated by {sep!r}, got {line!r}'
                ) from None
        raise


def _convert_rows(
    lines: list[str], split: Callable, num_values: int, sep: str, convert: Callable[[str], Any]
) -> list[tuple[str, list[Any]]]:
    """(id, values) of each line; ``ValueError`` if one of them is wrong."""
    fields = [split(line, sep, num_values) for line in lines]
    rows = [(key, [convert(value) for value in values]) for key, *values in fields]
    if not all(key and len(values) == num_values for key, values in rows):
        raise ValueError('a row has no id, or too few values')
    return rows


def read_table(
    path: str, num_values: int, sep: str, convert: Callable[[str], Any], from_right: bool = False
) -> dict[str, list[Any]]:
    rows = read_rows(path, num_values, sep, convert, from_right)
    table = dict(rows)
    if len(table) != len(rows):
        check_unique([key for key, _ in rows], path)
    return table


def check_unique(ids: list[str], path: str) -> list[str]:
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        for number, key in enumerate(ids, start=1):
            if key in seen:
                raise ValueError(f'{path}, line {number}: id {key!r} appears twice; ids must be unique')
            seen.add(key)
    return ids


def _check_range(table: dict[str, list[int]], low: int, high: float, path: str) -> None:
    for number, (key, (value,)) in enumerate(table.items(), start=1):
        if not low <= value <= high:
            raise ValueError(f'{path}, line {number}: {key!r} has {value}, which must lie in {low}..{high}')


def look_up(table: Mapping[str, Any], key: str, root: str, name: str) -> Any:
    try:
        return table[key]
    except KeyError:
        raise ValueError(f'{os.path.join(root, name)}: no line for image id {key!r}') from None
