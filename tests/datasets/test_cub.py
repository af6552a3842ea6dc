from __future__ import annotations

import os

import numpy as np
import pytest

from mmwsol.datasets import CUB
from mmwsol.datasets.transforms import CenterCrop, LoadLocImage, PackLocInputs, Resize
from mmwsol.registry import DATASETS

PIPELINE = [LoadLocImage(), Resize((256, 256)), CenterCrop(224), PackLocInputs()]


def test_split_picks_images_and_keeps_their_labels(cub_root):
    train, test = CUB(split='train'), CUB(split='test')
    assert [train.get_data_info(i)['img_id'] for i in range(2)] == ['001.A/a1.jpg', '002.B/b1.jpg']
    assert [test.get_data_info(i)['gt_label'] for i in range(2)] == [0, 1]
    assert train.num_classes == test.num_classes == 2


def test_training_sample_has_neither_box_nor_mask(cub_root):
    (cub_root / 'bounding_boxes.txt').unlink()  # the reader does not even open it
    sample = CUB(split='train', pipeline=PIPELINE)[0]['data_samples']
    assert set(sample.keys()) == {'gt_label'}
    assert 'ori_bboxes' not in sample.metainfo


def test_test_sample_has_the_published_box_and_the_moved_one(cub_root):
    sample = CUB(split='test', pipeline=PIPELINE)[1]['data_samples']
    np.testing.assert_array_equal(sample.ori_bboxes, [[5, 5, 20.5, 10]])  # half a pixel past the edge: kept
    expected = [5 * 256 / 20 - 16, 5 * 25.6 - 16, 20.5 * 12.8 - 16, 10 * 25.6 - 16]
    np.testing.assert_allclose(sample.gt_bboxes.numpy(), [expected], rtol=1e-6)


def test_training_images_can_be_scored_on_request(cub_root):
    assert 'gt_bboxes' in CUB(split='train', test_mode=True).get_data_info(0)


def test_unknown_split_is_refused(cub_root):
    with pytest.raises(ValueError, match=r"'train' or 'test'.*'val'"):
        CUB(split='val')


def test_it_is_found_by_its_plain_name(cub_root):
    assert isinstance(DATASETS.build({'type': 'CUB', 'split': 'test'}), CUB)


def test_real_birds_load(shared_dir, monkeypatch):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(shared_dir / 'data'))
    train, test = CUB(split='train', pipeline=PIPELINE), CUB(split='test', pipeline=PIPELINE)
    assert (len(train), len(test), train.num_classes) == (690, 340, 23)
    assert set(train[0]['data_samples'].keys()) == {'gt_label'}
    batch = test[339]
    assert batch['inputs'].shape == (3, 224, 224)
    assert os.path.basename(batch['data_samples'].img_path) in batch['data_samples'].img_id
