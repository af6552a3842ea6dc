from __future__ import annotations

import pytest
import torch

from mmwsol.structures import LocDataSample, labelled_samples, stack_gt_labels, store_predictions


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


def test_predictions_of_a_batch_go_to_their_samples() -> None:
    scores, maps = torch.tensor([[0.1, 0.9], [0.7, 0.3]]), torch.rand(2, 1, 3, 3)
    samples = store_predictions(labelled_samples((1, 1)), scores, maps, torch.tensor([[1], [0]]))
    assert [sample.pred_label.tolist() for sample in samples] == [[1], [0]]
    assert torch.equal(samples[1].pred_maps, maps[1]) and samples[1].map_labels.tolist() == [0]
    assert torch.equal(samples[0].pred_scores, scores[0]) and samples[0].gt_label.tolist() == [1]
