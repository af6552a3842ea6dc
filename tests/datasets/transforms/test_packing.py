from __future__ import annotations

import numpy as np
import torch

from mmwsol.datasets.transforms import PackLocInputs


def results(img, **more):
    return {'img': img, 'img_path': 'a.jpg', 'ori_shape': (8, 9), 'flip': False, **more}


def test_inputs_are_channels_first_uint8():
    img = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    inputs = PackLocInputs()(results(img))['inputs']
    assert inputs.shape == (3, 2, 4)
    assert inputs.dtype == torch.uint8
    assert inputs.is_contiguous()
    assert inputs[2, 1, 3] == 23


def test_ten_crops_stay_together():
    assert PackLocInputs()(results(np.zeros((10, 2, 4, 3), np.uint8)))['inputs'].shape == (10, 3, 2, 4)


def test_a_mirrored_view_packs_as_its_copy():
    img = np.random.default_rng(0).integers(0, 256, (2, 4, 3), dtype=np.uint8)
    packed = PackLocInputs()(results(img[:, ::-1]))['inputs']
    torch.testing.assert_close(packed, torch.from_numpy(img).permute(2, 0, 1).flip(2))


def test_fields_have_the_documented_types():
    sample = PackLocInputs()(
        results(
            np.zeros((2, 4, 3), np.uint8),
            gt_label=3,
            gt_bboxes=np.array([[0.5, 1, 2, 3]]),
            gt_mask=np.ones((2, 8), np.uint8)[:, ::-2],
            ori_bboxes=np.array([[1.1, 2, 3, 4]]),
            test_mode=True,
        )
    )['data_samples']
    assert sample.gt_label.tolist() == [3]
    assert sample.gt_label.dtype == torch.int64
    assert sample.gt_bboxes.dtype == torch.float32
    assert sample.gt_bboxes.tolist() == [[0.5, 1, 2, 3]]
    assert sample.gt_mask.dtype == torch.uint8
    assert sample.ori_bboxes.dtype == np.float64
    assert set(sample.metainfo) == {'img_path', 'ori_shape', 'flip', 'ori_bboxes'}


def test_an_image_without_annotation_packs_too():
    assert list(PackLocInputs()(results(np.zeros((2, 4, 3), np.uint8)))['data_samples'].keys()) == []
