"""Resize, crop and flip of an image together with its boxes and mask.

All of them read and write the same entries: ``img`` (H, W, 3) uint8, ``gt_bboxes`` (M, 4) float xyxy, neither
rounded nor clipped, ``gt_mask`` (H, W) uint8 by nearest neighbour (until the first ``Resize`` perhaps of other
sizes than the image, see ``LoadLocImage``), and the way back to the file's pixels:
``resize_shape``, ``crop_offset``, ``flip``, which means that the order must be resize, crop, flip. Random
choices come from numpy's global generator.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from PIL import Image

from mmwsol.registry import TRANSFORMS

from .loading import merge_masks

Results = dict[str, Any]
INTERPOLATIONS = {mode.name.lower(): mode for mode in Image.Resampling}


@TRANSFORMS.register_module()
class Resize:
    """Resize with PIL, whose filters are antialiased: what the published pipelines use.

    Args:
        scale: (H, W), aspect ratio not kept, or the length of the short side, aspect ratio kept.
        interpolation: name of a PIL filter.
    """

    def __init__(self, scale: int | tuple[int, int], interpolation: str = 'bilinear') -> None:
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f'interpolation must be one of {sorted(INTERPOLATIONS)}, got {interpolation!r}')
        self.scale = scale if isinstance(scale, int) else _size(scale)
        self.interpolation = interpolation

    def __call__(self, results: Results) -> Results:
        if results.get('test_mode', True) and (results['crop_offset'] != (0, 0) or results['flip']):
            raise ValueError(
                'Resize must come before crop and flip in a test pipeline: the way back to original pixels '
                'would be lost'
            )
        old_h, old_w = results['img'].shape[:2]
        new_h, new_w = self._target(old_h, old_w)
        if (new_h, new_w) != (old_h, old_w):
            image = Image.fromarray(results['img'])
            results['img'] = np.array(image.resize((new_w, new_h), INTERPOLATIONS[self.interpolation]))
        if 'gt_bboxes' in results:
            new, old = [new_w, new_h, new_w, new_h], [old_w, old_h, old_w, old_h]
            results['gt_bboxes'] = results['gt_bboxes'] * new / old
        if 'gt_mask' in results:
            masks = results['gt_mask'] if isinstance(results['gt_mask'], list) else [results['gt_mask']]
            masks = [cv2.resize(m, (new_w, new_h), interpolation=cv2.INTER_NEAREST) for m in masks]
            results['gt_mask'] = merge_masks(masks) if len(masks) > 1 else masks[0]
        results.update(resize_shape=(new_h, new_w), img_shape=(new_h, new_w))
        return results

    def _target(self, h: int, w: int) -> tuple[int, int]:
        if not isinstance(self.scale, int):
            return self.scale
        if h <= w:
            return self.scale, int(self.scale * w / h)
        return int(self.scale * h / w), self.scale

    def __repr__(self) -> str:
        return f'Resize(scale={self.scale}, interpolation={self.interpolation!r})'


@TRANSFORMS.register_module()
class CenterCrop:
    """Crop ``crop_size`` (H, W) from the middle."""

    def __init__(self, crop_size: int | tuple[int, int]) -> None:
        self.crop_size = _size(crop_size)

    def __call__(self, results: Results) -> Results:
        return crop(results, *_center_offset(results, self.crop_size), self.crop_size)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.crop_size})'


@TRANSFORMS.register_module()
class RandomCrop(CenterCrop):
    """Crop ``crop_size`` (H, W) from a place drawn uniformly."""

    def __call__(self, results: Results) -> Results:
        free_h, free_w = _free(results, self.crop_size)
        return crop(results, np.random.randint(free_h + 1), np.random.randint(free_w + 1), self.crop_size)


@TRANSFORMS.register_module()
class RandomFlip:
    """Mirror left-right with probability ``prob``."""

    def __init__(self, prob: float = 0.5) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must lie in [0, 1], got {prob}')
        self.prob = prob

    def __call__(self, results: Results) -> Results:
        if np.random.rand() >= self.prob:
            return results
        check_mask_frame(results)
        width = results['img'].shape[1]
        results['img'] = results['img'][:, ::-1]
        if 'gt_bboxes' in results:
            x0, y0, x1, y1 = results['gt_bboxes'].T
            results['gt_bboxes'] = np.stack([width - x1, y0, width - x0, y1], axis=1)  # (M, 4)
        if 'gt_mask' in results:
            results['gt_mask'] = results['gt_mask'][:, ::-1]
        results['flip'] = not results['flip']
        return results

    def __repr__(self) -> str:
        return f'RandomFlip(prob={self.prob})'


@TRANSFORMS.register_module()
class TenCrop(CenterCrop):
    """Crops top left, top right, bottom left, bottom right, centre; then the same five of the mirrored image.

    ``img`` becomes (10, h, w, 3). The localized view is index 4: boxes, mask and the way back are those of
    the centre crop.
    """

    def __call__(self, results: Results) -> Results:
        h, w = self.crop_size
        free_h, free_w = _free(results, self.crop_size)
        center = _center_offset(results, self.crop_size)
        offsets = [(0, 0), (0, free_w), (free_h, 0), (free_h, free_w), center]
        views = results['img'], results['img'][:, ::-1]
        crops = np.stack([view[y : y + h, x : x + w] for view in views for y, x in offsets])  # (10, h, w, 3)
        return {**crop(results, *center, self.crop_size), 'img': crops}


def crop(results: Results, top: int, left: int, size: tuple[int, int]) -> Results:
    """Cut the window of ``size`` (H, W) at (top, left) out of image, mask and box frame."""
    if results.get('test_mode', True) and results['flip']:
        raise ValueError('a crop must come before the flip in a test pipeline: the way back would be lost')
    h, w = size
    check_mask_frame(results)
    results['img'] = results['img'][top : top + h, left : left + w]  # (h, w, 3)
    if 'gt_bboxes' in results:
        results['gt_bboxes'] = results['gt_bboxes'] - [left, top, left, top]
    if 'gt_mask' in results:
        results['gt_mask'] = results['gt_mask'][top : top + h, left : left + w]  # (h, w)
    old_top, old_left = results['crop_offset']
    results.update(crop_offset=(old_top + top, old_left + left), img_shape=size)
    return results


def check_mask_frame(results: Results) -> None:
    """``ValueError`` if a mask is still of another size than its image."""
    if isinstance(results.get('gt_mask'), list):
        raise ValueError(
            f'{results.get("img_path", "image")}: its masks have the sizes '
            f'{[mask.shape for mask in results["gt_mask"]]} (H, W), not that of the image, '
            f'{tuple(results["img_shape"])}; put Resize before crop, flip and PackLocInputs'
        )


def _size(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ValueError(f'a size must be positive (H, W), got {size}')
    return int(height), int(width)


def _free(results: Results, size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns that a crop of ``size`` leaves over."""
    h, w = results['img'].shape[:2]
    if h < size[0] or w < size[1]:
        raise ValueError(
            f'{results.get("img_path", "image")}: {(h, w)} (H, W) is smaller than the crop {size}; '
            'resize it first'
        )
    return h - size[0], w - size[1]


def _center_offset(results: Results, size: tuple[int, int]) -> tuple[int, int]:
    free_h, free_w = _free(results, size)
    return round(free_h / 2), round(free_w / 2)
