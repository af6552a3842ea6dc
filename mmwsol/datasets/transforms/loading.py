from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from mmwsol.registry import TRANSFORMS

IGNORED = 255
MAJORITY = 128  # grey value of a mask of votes: half of the annotators
UNDECODABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # what Pillow raises


class UnreadableImageError(ValueError):
    """A file that cannot be opened or decoded completely."""


@TRANSFORMS.register_module()
class LoadLocImage:
    """Decode ``img_path`` to ``img`` (H, W, 3) uint8 RGB; if present, masks to ``gt_mask``.

    ``mask_path`` is one file with 0 background, 1 object, 255 ignored. ``mask_paths`` are instances, united, and
    ``ignore_path`` what else is ignored, by wsolevaluation's rules. ``mask_votes`` is a file whose grey values 0..255 say
    how many annotators drew the object: it is where at least half did. These may have other sizes than the image (in
    OpenImages they do), and ``gt_mask`` is then a list, one (h, w) of each size, until ``Resize`` brings it to the
    image's frame in one step. ``class_mask`` is a file of class numbers (255 ignored) with the number of the class,
    ``mask_rle`` has COCO's compressed masks of the objects and of what is ignored.

    As the published loaders do, pixels are taken as stored: an EXIF orientation is ignored (annotations refer
    to the stored pixels), transparency is dropped, nothing is decoded at reduced scale.

    Raises:
        UnreadableImageError: a truncated, foreign or vanished file; names it.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        img = _decode(results['img_path'], 'RGB')  # (H, W, 3)
        shape = img.shape[:2]
        results.update(img=img, ori_shape=shape, resize_shape=shape, img_shape=shape)
        results.update(crop_offset=(0, 0), flip=False)
        if 'gt_bboxes' in results:
            results['ori_bboxes'] = results['gt_bboxes']
        if (layer := _load_whole(results)) is not None:
            mask, source = layer
            if mask.shape != shape:
                raise ValueError(
                    f'{source}: a mask must have the size of its image, got {mask.shape} (H, W) for '
                    f'{results["img_path"]} with {shape}'
                )
            results['gt_mask'] = mask  # (H, W)
        if 'mask_paths' in results or 'mask_votes' in results:
            layers = _load_instances(results)
            results['gt_mask'] = layers[0] if [m.shape for m in layers] == [shape] else layers
        return results

    def __repr__(self) -> str:
        return 'LoadLocImage()'


def merge_masks(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Masks (H, W) of 0, 1 and 255 as one: object where any is, else ignored where any is."""
    stacked = np.stack(masks)  # (M, H, W)
    ignored = np.where((stacked == IGNORED).any(axis=0), IGNORED, 0)
    return np.where((stacked == 1).any(axis=0), 1, ignored).astype(np.uint8)


def _load_whole(results: Mapping[str, Any]) -> tuple[np.ndarray, str] | None:
    """Mask of 0, 1 and 255 where one source holds it all, and that source; ``None`` if there is none."""
    if 'mask_path' in results:
        return _decode(results['mask_path'], 'L'), results['mask_path']
    if 'class_mask' in results:
        path, number = results['class_mask']
        numbers = _decode(path, None)
        return np.where(numbers == IGNORED, IGNORED, numbers == number).astype(np.uint8), path
    if 'mask_rle' in results:
        from pycocotools import mask as coco_mask  # an optional dependency

        height, width, *parts = results['mask_rle']
        layers = [
            coco_mask.decode({'size': [height, width], 'counts': counts}) * np.uint8(value)
            for counts, value in zip(parts, (1, IGNORED))
            if counts is not None
        ]
        return merge_masks(layers or [np.zeros((height, width), np.uint8)]), 'COCO annotation'
    return None


def _load_instances(results: Mapping[str, Any]) -> list[np.ndarray]:
    """Instance masks and ignored region, merged among those of one size: uint8 of 0, 1 and 255."""
    layers = [(_decode(path, 'L') > 0).astype(np.uint8) for path in results.get('mask_paths', ())]
    if 'mask_votes' in results:
        layers.append((_decode(results['mask_votes'], 'L') >= MAJORITY).astype(np.uint8))
    if results.get('ignore_path'):
        layers.append(np.where(_decode(results['ignore_path'], 'L') > 0, IGNORED, 0).astype(np.uint8))
    by_size: dict[tuple[int, ...], list[np.ndarray]] = {}
    for layer in layers:
        by_size.setdefault(layer.shape, []).append(layer)
    return [merge_masks(group) for group in by_size.values()]


def _decode(path: str, mode: str | None) -> np.ndarray:
    """Pixels in ``mode``, or as stored: of a palette image its indices."""
    try:
        with Image.open(path) as image:
            return np.array(image if mode is None or image.mode == mode else image.convert(mode))
    except UNDECODABLE as error:
        raise UnreadableImageError(f'{path}: cannot be decoded ({error}); replace the file') from error
