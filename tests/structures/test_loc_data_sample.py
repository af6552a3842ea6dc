from __future__ import annotations

import pytest
import torch

from mmwsol.structures import LocDataSample, labelled_samples, stack_gt_labels


def make_sample(**metainfo) -> LocDataSample:
    return LocDataSample(metainfo=metainfo)


def test_labels_of_a_batch_are_stacked() -> None:
    labels = stack_gt_labels(labelled_samples((3, 0)))
    assert labels.tolist() == [3, 0] and labels.dtype == torch.int64


def test_image_without_label_is_named() -> None:
    labelled = make_sample(img_path='a.jpg')
    labelled.gt_label = torch.tensor([1])
    with pytest.raises(ValueError, match=r'b\.jpg has no gt_label'):
        stack_gt_labels([labelled, make_sample(img_path='b.jpg')])
    with pytest.raises(ValueError, match='a sample has no gt_label'):
        stack_gt_labels([make_sample()])


def test_dict_form_holds_data_and_metainfo_together() -> None:
    sample = make_sample(sample_idx=4, ori_shape=(10, 20))
    sample.gt_label = torch.tensor([1])
    assert set(sample.to_dict()) == {'sample_idx', 'ori_shape', 'gt_label'}


def test_field_table_names_what_packing_writes() -> None:
    from mmwsol.datasets.transforms.packing import META_KEYS

    assert all(f'``{key}``' in LocDataSample.__doc__ for key in META_KEYS)
