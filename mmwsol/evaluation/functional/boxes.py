"""Boxes: overlap, and the way between original pixels and the network input.

Boxes are xyxy. Whether the right and bottom edge is the last pixel (``inclusive``) or one past it is a
convention that every published protocol settles differently; nothing here guesses it.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

BoxRounding = Literal['none', 'float_clip', 'trunc_clip', 'fraction_trunc_clip', 'trunc']


def pairwise_iou(boxes1: ArrayLike, boxes2: ArrayLike, inclusive: bool = True) -> NDArray[np.float64]:
    """IoU of every box in ``boxes1`` (..., N, 4) with every box in ``boxes2`` (..., M, 4): (..., N, M).

    ``inclusive`` counts the right and bottom edge as pixels of the box (one is added to every extent), the
    convention of wsolevaluation, BAS, SAT, TS-CAM and SCM; otherwise the extents are plain differences.
    Leading dimensions broadcast. A union that is not positive (inverted boxes) gives 0.
    """
    first = np.asarray(boxes1, dtype=np.float64)[..., :, None, :]  # (..., N, 1, 4)
    second = np.asarray(boxes2, dtype=np.float64)[..., None, :, :]  # (..., 1, M, 4)
    plus = 1.0 if inclusive else 0.0

    overlap = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2]) + plus
    intersection = np.maximum(overlap, 0.0).prod(axis=-1)  # (..., N, M)
    areas = (first[..., 2:] - first[..., :2] + plus).prod(axis=-1) + (
        second[..., 2:] - second[..., :2] + plus
    ).prod(axis=-1)
    union = areas - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def boxes_to_input(
    bboxes: ArrayLike,
    ori_shape: tuple[int, int],
    resize_shape: tuple[int, int] | None = None,
    crop_offset: tuple[int, int] = (0, 0),
    img_shape: tuple[int, int] | None = None,
    flip: bool = False,
    rounding: BoxRounding = 'none',
    dtype: DTypeLike = np.float64,
) -> NDArray:
    """Move boxes (M, 4) from original pixels into the frame of the network input.

    Shapes are (H, W), ``crop_offset`` is (top, left); without ``resize_shape`` the image was not resized,
    without ``img_shape`` not cropped. ``x_input = x * (W_resize / W_ori) - left``, and ``W - x_input`` if
    mirrored. Then

    - ``none``: nothing more;
    - ``float_clip`` (BAS, CVPR release): left and top at least 0, right and bottom at most (W, H);
    - ``trunc_clip`` (BAS-Extension): left and top at least 0, right and bottom at most (W-1, H-1), then
      truncated toward zero;
    - ``fraction_trunc_clip`` (TS-CAM, SCM, SAT): the same of ``x / W_ori * W_resize``; where the product is
      a whole number, the order of the two operations decides which pixel is meant;
    - ``trunc`` (wsolevaluation): truncated; clipped as ``trunc_clip`` only if the input is a crop.

    The clipping bounds one side of each edge only, as published: a box that lies wholly in the cropped margin
    comes out inverted and overlaps nothing. Truncated boxes are int64. ``dtype`` is the arithmetic's (the
    CVPR release of BAS works in float32 on ILSVRC).
    """
    if rounding not in get_args(BoxRounding):
        raise ValueError(f'rounding must be one of {get_args(BoxRounding)}, got {rounding!r}')
    resized = resize_shape is not None
    resize_shape = resize_shape or ori_shape
    img_shape = img_shape or resize_shape
    old, new = np.asarray(ori_shape[::-1], dtype), np.asarray(resize_shape[::-1], dtype)  # (2,) x, y
    limit = np.asarray(img_shape[::-1], dtype)
    corners = np.asarray(bboxes, dtype).reshape(-1, 2, 2)
    if resized:
        corners = corners / old * new if rounding == 'fraction_trunc_clip' else corners * (new / old)
    corners = corners - np.asarray(crop_offset[::-1], dtype)
    if flip:
        corners[..., 0] = limit[0] - corners[:, ::-1, 0]

    cropped = tuple(img_shape) != tuple(resize_shape)
    if rounding.endswith('clip') or (rounding == 'trunc' and cropped):
        corners[:, 0] = np.maximum(corners[:, 0], 0)
        corners[:, 1] = np.minimum(corners[:, 1], limit if rounding == 'float_clip' else limit - 1)
    boxes = corners.reshape(-1, 4)  # (M, 4)
    return np.trunc(boxes).astype(np.int64) if 'trunc' in rounding else boxes


def boxes_to_original(
    bboxes: ArrayLike,
    ori_shape: tuple[int, int],
    resize_shape: tuple[int, int] | None = None,
    crop_offset: tuple[int, int] = (0, 0),
    img_shape: tuple[int, int] | None = None,
    flip: bool = False,
) -> NDArray[np.float64]:
    """Move boxes (M, 4) from the network input back to original pixels; inverse of ``boxes_to_input``."""
    resize_shape = resize_shape or ori_shape
    img_shape = img_shape or resize_shape
    corners = np.array(bboxes, dtype=np.float64).reshape(-1, 2, 2)
    if flip:
        corners[..., 0] = img_shape[1] - corners[:, ::-1, 0]
    scale = np.asarray(ori_shape[::-1], np.float64) / np.asarray(resize_shape[::-1], np.float64)
    return ((corners + np.asarray(crop_offset[::-1], np.float64)) * scale).reshape(-1, 4)  # (M, 4)


def extents_to_boxes(
    extents: NDArray,
    img_shape: tuple[int, int],
    edge: Literal['one_past', 'inclusive'] = 'one_past',
    clip_to_last_pixel: bool = False,
    empty: tuple[float, float, float, float] | Literal['frame'] = 'frame',
) -> NDArray[np.float64]:
    """Pixel extents (..., 4), first and last pixel of a component, as boxes of one edge convention.

    An extent of -1 says that nothing was above the threshold; it becomes the box ``empty``, where ``'frame'``
    is the whole input (0, 0, W, H). ``clip_to_last_pixel`` limits right and bottom to (W-1, H-1), as
    wsolevaluation does.
    """
    height, width = img_shape
    boxes = np.array(extents, dtype=np.float64)
    if edge == 'one_past':
        boxes[..., 2:] += 1
    if clip_to_last_pixel:
        boxes[..., 2:] = np.minimum(boxes[..., 2:], (width - 1, height - 1))
    boxes[np.asarray(extents)[..., 0] < 0] = (0, 0, width, height) if empty == 'frame' else empty
    return boxes
