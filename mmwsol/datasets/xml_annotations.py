"""Annotations in PASCAL VOC's XML, which ILSVRC and Stanford Dogs use too."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

import numpy as np


class XMLObjects(NamedTuple):
    """Objects of one image: class ``names``, ``bboxes`` (M, 4) float64 as written, ``difficult`` (M,), ``size`` (W, H)."""

    names: list[str]
    bboxes: np.ndarray
    difficult: np.ndarray
    size: tuple[int, int]


def read_xml(path: str) -> XMLObjects:
    """One file; parts of objects (VOC's heads and hands) are left out."""
    try:
        root = ElementTree.parse(path).getroot()
        size = int(_text(root, 'size/width')), int(_text(root, 'size/height'))
        objects = root.findall('object')
        names = [_text(item, 'name') for item in objects]
        corners = [
            [float(_text(item, f'bndbox/{key}')) for key in ('xmin', 'ymin', 'xmax', 'ymax')]
            for item in objects
        ]
        difficult = [(item.findtext('difficult') or '0').strip() == '1' for item in objects]
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: annotation missing; check data_root and MMWSOL_DATA_ROOT') from None
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(
            f'{path}: must be a VOC XML with size (width, height) and objects (name, bndbox); {error}'
        ) from error
    bboxes = np.array(corners, np.float64).reshape(-1, 4)
    return XMLObjects(names, bboxes, np.array(difficult, bool), size)


def _text(item: ElementTree.Element, key: str) -> str:
    text = item.findtext(key)
    if text is None:
        raise ValueError(f'{item.tag} has no {key}')
    return text.strip()
