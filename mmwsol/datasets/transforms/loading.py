from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from mmwsol.registry import TRANSFORMS


class UnreadableImageError(ValueError):
    """A file that cannot be opened or decoded completely."""


@TRANSFORMS.register_module()
class LoadLocImage:
    """Decode ``img_path`` to ``img`` (H, W, 3) uint8 RGB; if present, ``mask_path`` to ``gt_mask`` (H, W).

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
        if 'mask_path' in results:
            results['gt_mask'] = _decode(results['mask_path'], 'L')  # (H, W)
            if results['gt_mask'].shape != shape:
                raise ValueError(
                    f'{results["mask_path"]}: a mask must have the size of its image, got '
                    f'{results["gt_mask"].shape} (H, W) for {results["img_path"]} with {shape}'
                )
        return results

    def __repr__(self) -> str:
        return 'LoadLocImage()'


def _decode(path: str, mode: str) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.array(image if image.mode == mode else image.convert(mode))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableImageError(f'{path}: cannot be decoded ({error}); replace the file') from error
