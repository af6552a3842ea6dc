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


def to_numpy(value: Any) -> NDArray:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
