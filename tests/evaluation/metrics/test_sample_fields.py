from __future__ import annotations

import numpy as np
import pytest
import torch

from mmwsol.evaluation.metrics.sample_fields import (
    groups_of_one_size,
    image_name,
    sample_indices,
    to_numpy,
    true_label,
)


def _sample(side: int = 4, size: tuple[int, int] = (8, 8)) -> dict:
    return dict(pred_maps=torch.zeros(1, side, side), map_labels=torch.tensor([-1]), img_shape=size)


def test_images_of_one_size_go_together():
    samples = [_sample(), _sample(5), _sample(), _sample(size=(8, 9))]
    assert sorted(groups_of_one_size(samples)) == [[0, 2], [1], [3]]


def test_image_without_maps_is_named():
    with pytest.raises(ValueError, match=r'a\.jpg has no pred_maps with map_labels'):
        groups_of_one_size([dict(img_path='a.jpg', img_shape=(8, 8))])


def test_label_may_be_a_tensor_or_a_number():
    assert (
        true_label(dict(gt_label=torch.tensor([3]))).tolist() == true_label(dict(gt_label=3)).tolist() == [3]
    )
    with pytest.raises(ValueError, match=r'b has no gt_label'):
        true_label(dict(img_id='b'))


def test_name_falls_back_from_path_to_id():
    assert [image_name(s) for s in (dict(img_path='p', img_id='i'), dict(img_id='i'), {})] == [
        'p',
        'i',
        'an image',
    ]


def test_index_is_minus_one_where_there_is_none():
    assert sample_indices([dict(sample_idx=4), {}]).tolist() == [4, -1]


def test_tensors_become_arrays():
    value = torch.ones(2, requires_grad=True)
    assert isinstance(to_numpy(value), np.ndarray) and to_numpy([1, 2]).tolist() == [1, 2]
