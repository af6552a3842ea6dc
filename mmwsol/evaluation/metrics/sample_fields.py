"""What a metric reads from the data samples it is given, with errors that name the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def true_label(sample: Mapping[str, Any]) -> Tensor:
    """The image-level label, (1,)."""
    if sample.get('gt_label') is None:
        raise ValueError(f'{image_name(sample)} has no gt_label, which every localization accuracy needs')
    return torch.as_tensor(sample['gt_label']).reshape(-1)[:1]


def sample_indices(samples: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
    """Index of each sample in its data set, (n,); -1 where it has none."""
    return np.array([int(sample.get('sample_idx', -1)) for sample in samples], np.int64)


def groups_of_one_size(samples: Sequence[dict]) -> list[list[int]]:
    """Positions of samples whose maps and network inputs have the same size."""
    for sample in samples:
        if 'pred_maps' not in sample or 'map_labels' not in sample:
            raise ValueError(
                f"{image_name(sample)} has no pred_maps with map_labels; the head's predict() emits them"
            )

    def size(i: int) -> tuple[int, ...]:
        return (*samples[i]['pred_maps'].shape, *samples[i]['img_shape'][:2])

    return [list(group) for _, group in groupby(sorted(range(len(samples)), key=size), key=size)]


def image_name(sample: Mapping[str, Any]) -> str:
    return str(sample.get('img_path') or sample.get('img_id') or 'an image')


def describe_image(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Name, prediction and geometry of an image, as ``ImageResults.columns`` keeps them."""
    shape = tuple(sample['img_shape'][:2]) if 'img_shape' in sample else (0, 0)
    known = sample.get('ori_bboxes') is not None
    label, score = -1, float('nan')
    if 'pred_scores' in sample:
        scores = to_numpy(sample['pred_scores'].float())
        label, score = int(scores.argmax()), float(scores.max())
    path = str(sample.get('img_path') or '')
    return dict(
        img_id=str(sample.get('img_id') or path or sample.get('sample_idx', '')),
        img_path=path,
        pred_label=label,
        pred_score=score,
        ori_shape=tuple(sample['ori_shape'][:2]) if known else shape,
        resize_shape=tuple(sample.get('resize_shape') or shape) if known else shape,
        crop_offset=tuple(sample.get('crop_offset') or (0, 0)) if known else (0, 0),
        img_shape=shape,
        flip=bool(sample.get('flip', False)) and known,
    )


def original_bboxes(sample: Mapping[str, Any]) -> NDArray[np.float64]:
    """True boxes (M, 4) in pixels of the image as ``describe_image`` states its shape."""
    boxes = sample['ori_bboxes'] if sample.get('ori_bboxes') is not None else sample.get('gt_bboxes')
    return np.empty((0, 4)) if boxes is None else np.asarray(to_numpy(boxes), np.float64).reshape(-1, 4)


def to_numpy(value: Any) -> NDArray:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
