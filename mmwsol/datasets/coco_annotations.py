"""COCO's JSON, that of COCO itself and that of images of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Value = TypeVar('Value')


def read_coco(path: str, parse: Callable[[dict[str, Any]], Value], fields: str) -> Value:
    """What ``parse`` makes of the content of a COCO JSON.

    Args:
        fields: those that ``parse`` needs, for the message.

    Raises:
        FileNotFoundError, ValueError: the file is missing, is no JSON, or lacks some of the fields; names the file.
    """
    try:
        with open(path, encoding='utf-8-sig') as file:
            return parse(json.load(file))
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: annotation file missing; check its path, data_root and MMWSOL_DATA_ROOT'
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path}: must be a COCO JSON with {fields}; got {error!r}') from error


def corners(bbox: Sequence[float]) -> list[float]:
    """COCO's (x, y, w, h) as (x0, y0, x1, y1), right and lower edge one past the last pixel."""
    x, y, w, h = bbox
    return [x, y, x + w, y + h]
