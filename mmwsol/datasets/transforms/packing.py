from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mmwsol.registry import TRANSFORMS
from mmwsol.structures import LocDataSample

from .geometry import check_mask_frame

META_KEYS = (
    'sample_idx',
    'img_id',
    'img_path',
    'ori_shape',
    'resize_shape',
    'crop_offset',
    'img_shape',
    'flip',
    'ori_bboxes',
)


@TRANSFORMS.register_module()
class PackLocInputs:
    """Give ``inputs``, (3, H, W) uint8 RGB or (10, 3, H, W) after ``TenCrop``, and ``data_samples``.

    The fields are those of :class:`~mmwsol.structures.LocDataSample` as far as the results have them.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        check_mask_frame(results)
        img = np.array(np.moveaxis(results['img'], -1, -3), order='C')  # (3, H, W) or (10, 3, H, W)
        sample = LocDataSample(metainfo={key: results[key] for key in META_KEYS if key in results})
        if 'gt_label' in results:
            sample.gt_label = torch.tensor([results['gt_label']], dtype=torch.int64)
        if 'gt_labels' in results:
            sample.gt_labels = torch.tensor(results['gt_labels'], dtype=torch.int64)
        if 'gt_bboxes' in results:
            sample.gt_bboxes = torch.from_numpy(results['gt_bboxes'].astype(np.float32))
        if 'gt_mask' in results:
            sample.gt_mask = torch.from_numpy(results['gt_mask'].copy())
        return {'inputs': torch.from_numpy(img), 'data_samples': sample}

    def __repr__(self) -> str:
        return 'PackLocInputs()'
