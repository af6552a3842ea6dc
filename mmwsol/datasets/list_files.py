"""Lists with boxes that come with the code of BAS, SAT and TS-CAM, in place of a data set's own annotation.

Boxes are corners in pixels of the image, (M, 4) float64, as written. Errors name file and line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .annotation_files import read_lines

Value = TypeVar('Value')


class Boxed(NamedTuple):
    """An image of a list: its name as written, with `/`, boxes, and (W, H) where the list has it."""

    name: str
    bboxes: np.ndarray
    size: tuple[int, int] | None = None


class BoxedOfClass(NamedTuple):
    """A line of BAS's and SAT's lists of Stanford Cars and FGVC Aircraft."""

    name: str
    class_name: str
    part: int
    bboxes: np.ndarray
    size: tuple[int, int]


def read_box_lists(list_path: str, boxes_path: str) -> list[Boxed]:
    """``path;label`` and, on the same line of the other file, ``x0 y0 x1 y1 [x0 ..] H W``: CUB, Stanford Dogs."""
    names = list(_parse(list_path, 'path;label', lambda line: line.rsplit(';', 1)[-2]))
    boxes = list(_parse(boxes_path, 'x0 y0 x1 y1 [x0 ..] H W', _boxes_and_size))
    if len(names) != len(boxes):
        raise ValueError(
            f'{list_path} has {len(names)} lines and {boxes_path} {len(boxes)}; they belong together line by line'
        )
    return [Boxed(name, *pair) for name, pair in zip(names, boxes)]


def read_images_box(path: str) -> list[BoxedOfClass]:
    """Lines ``name;class name;part;x0 y0 x1 y1 H W``: Stanford Cars, FGVC Aircraft."""

    def parse(line: str) -> BoxedOfClass:
        name, class_name, part, numbers = line.split(';')
        return BoxedOfClass(name, class_name, int(part), *_boxes_and_size(numbers))

    return list(_parse(path, 'name;class name;part;x0 y0 x1 y1 H W', parse))


def read_wnid_boxes(path: str) -> list[Boxed]:
    r"""ILSVRC: ``wnid\\name W H ; x0 y0 x1 y1 [x0 ..]`` (BAS, SAT) or ``wnid/name label x0 y0 x1 y1 [x0 ..]`` (TS-CAM)."""

    def parse(line: str) -> Boxed:
        head, separator, numbers = line.partition(';')
        name, *values = head.split()
        name = re.sub(r'\\+', '/', name)
        if not separator:
            return Boxed(name, _boxes(values[1:]))
        width, height = map(int, values)
        return Boxed(name, _boxes(numbers.split()), (width, height))

    return list(_parse(path, r'wnid\\name W H ; x0 y0 x1 y1 .. or wnid/name label x0 y0 x1 y1 ..', parse))


def read_loc_solution(path: str) -> list[Boxed]:
    """``LOC_val_solution.csv`` of ILSVRC at Kaggle: ``name,wnid x0 y0 x1 y1 [wnid x0 ..]`` after a head line."""

    def parse(line: str) -> Boxed:
        name, text = line.split(',')
        fields = text.split()
        if len(set(fields[::5])) != 1:
            raise ValueError('an image has one class')
        return Boxed(f'{fields[0]}/{name}', _boxes([v for i, v in enumerate(fields) if i % 5]))

    return list(_parse(path, 'name,wnid x0 y0 x1 y1 [wnid x0 ..]', parse, skip=1))


def _parse(path: str, form: str, parse: Callable[[str], Value], skip: int = 0) -> Iterator[Value]:
    for number, line in enumerate(read_lines(path)[skip:], start=1 + skip):
        try:
            yield parse(line)
        except (ValueError, IndexError):
            raise ValueError(f'{path}, line {number}: must be {form}, got {line!r}') from None


def _boxes_and_size(text: str) -> tuple[np.ndarray, tuple[int, int]]:
    """Numbers of boxes, then H and W: the height comes first."""
    *corners, height, width = text.split()
    return _boxes(corners), (int(width), int(height))


def _boxes(values: Sequence[Any]) -> np.ndarray:
    if len(values) == 0 or len(values) % 4:
        raise ValueError('a box has four numbers')
    return np.array(values, np.float64).reshape(-1, 4)  # (M, 4)
