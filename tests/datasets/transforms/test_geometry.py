from __future__ import annotations

import numpy as np
import pytest
import torchvision.transforms as published
from PIL import Image

from mmwsol.datasets.transforms import CenterCrop, RandomCrop, RandomFlip, Resize, TenCrop

SIZES = [(333, 500), (480, 320), (224, 224), (257, 255)]


def loaded(img, **more):
    shape = img.shape[:2]
    start = {'img': img, 'ori_shape': shape, 'resize_shape': shape, 'img_shape': shape}
    return {**start, 'crop_offset': (0, 0), 'flip': False, **more}


def noise(h, w, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)


@pytest.mark.parametrize('size', SIZES)
def test_resize_and_center_crop_equal_torchvision_bit_for_bit(size):
    img = noise(*size)
    ours = CenterCrop(224)(Resize((256, 256))(loaded(img)))['img']
    oracle = published.CenterCrop(224)(published.Resize((256, 256))(Image.fromarray(img)))
    np.testing.assert_array_equal(ours, np.asarray(oracle))


@pytest.mark.parametrize('size', SIZES)
def test_short_side_resize_and_odd_center_crop_equal_torchvision(size):
    img = noise(*size)
    ours = CenterCrop((97, 91))(Resize(100, 'bicubic')(loaded(img)))['img']
    bicubic = published.InterpolationMode.BICUBIC
    oracle = published.CenterCrop((97, 91))(published.Resize(100, bicubic)(Image.fromarray(img)))
    np.testing.assert_array_equal(ours, np.asarray(oracle))


@pytest.mark.parametrize('size', [(256, 256), (255, 231)])
def test_ten_crop_equals_torchvision(size):
    img = noise(*size)
    ours = TenCrop(224)(loaded(img))['img']
    oracle = published.TenCrop(224)(Image.fromarray(img))
    np.testing.assert_array_equal(ours, np.stack([np.asarray(view) for view in oracle]))


def test_fifth_of_ten_crops_is_the_center_crop_with_its_boxes_and_mask():
    box, mask = np.array([[20.0, 30, 200, 240]]), np.eye(256, dtype=np.uint8)
    ten = TenCrop(224)(loaded(noise(256, 256), gt_bboxes=box, gt_mask=mask))
    one = CenterCrop(224)(loaded(noise(256, 256), gt_bboxes=box, gt_mask=mask))
    np.testing.assert_array_equal(ten['img'][4], one['img'])
    for key in ('gt_bboxes', 'gt_mask'):
        np.testing.assert_array_equal(ten[key], one[key])
    assert ten['crop_offset'] == one['crop_offset'] == (16, 16)
    assert ten['img_shape'] == (224, 224)


def test_published_direct_resize_of_the_golden_pipeline(golden):
    data = golden('data_pipeline')
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for name in ('cub0', 'cub1'):
        x, y, w, h = (float(value) for value in str(data[f'{name}_rawbox']).split()[1:])
        results = loaded(data[f'{name}_image'], gt_bboxes=np.array([[x, y, x + w, y + h]]))
        results = Resize((224, 224))(results)
        tensor = ((results['img'] / 255 - mean) / std).transpose(2, 0, 1)[:, ::4, ::4]
        np.testing.assert_allclose(tensor, data[f'{name}_tensor_s4'], atol=1e-6)
        box = np.clip(results['gt_bboxes'][0], 0, 223).astype(int)
        np.testing.assert_array_equal(box, data[f'{name}_box'])


def test_boxes_move_with_the_image_and_are_neither_rounded_nor_clipped():
    results = loaded(noise(100, 200), gt_bboxes=np.array([[0.0, 10, 199.5, 100]]))
    results = CenterCrop(224)(Resize((256, 256))(results))
    np.testing.assert_allclose(results['gt_bboxes'], [[-16, 25.6 - 16, 199.5 * 1.28 - 16, 240]], rtol=1e-12)


def test_flip_mirrors_image_boxes_and_mask():
    img, mask = noise(4, 6), np.zeros((4, 6), np.uint8)
    mask[1, 0] = 1
    results = loaded(img, gt_bboxes=np.array([[0.0, 1, 1, 2]]), gt_mask=mask)
    results = RandomFlip(prob=1)(results)
    np.testing.assert_array_equal(results['img'], img[:, ::-1])
    np.testing.assert_array_equal(results['gt_bboxes'], [[5, 1, 6, 2]])
    assert results['gt_mask'][1, 5] == 1
    assert results['flip'] is True


def test_flip_of_no_boxes_is_no_boxes():
    results = RandomFlip(prob=1)(loaded(noise(4, 6), gt_bboxes=np.zeros((0, 4))))
    assert results['gt_bboxes'].shape == (0, 4)


def test_the_mask_shows_the_object_where_the_image_does():
    img, mask = np.zeros((120, 90, 3), np.uint8), np.zeros((120, 90), np.uint8)
    img[30:80, 20:60], mask[30:80, 20:60] = 255, 1
    results = loaded(img, gt_mask=mask, gt_bboxes=np.array([[20.0, 30, 60, 80]]))
    results = CenterCrop(224)(Resize((256, 256))(results))
    assert (results['gt_mask'] != (results['img'][..., 0] > 127)).mean() < 0.01
    rows, columns = np.nonzero(results['gt_mask'])
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(edges, results['gt_bboxes'][0], atol=1.5)


def test_the_recorded_way_back_recovers_the_original_box():
    box = np.array([[12.5, 7.25, 300.0, 150.0]])
    results = loaded(noise(199, 333), gt_bboxes=box)
    for step in (Resize((256, 256)), RandomCrop(224), RandomFlip(1)):
        results = step(results)
    x0, y0, x1, y1 = results['gt_bboxes'][0]
    x0, x1 = results['img_shape'][1] - x1, results['img_shape'][1] - x0
    top, left = results['crop_offset']
    (height, width), (h, w) = results['ori_shape'], results['resize_shape']
    back = [
        (x0 + left) * width / w,
        (y0 + top) * height / h,
        (x1 + left) * width / w,
        (y1 + top) * height / h,
    ]
    np.testing.assert_allclose([back], box, rtol=1e-12)


def test_random_crop_reaches_every_offset_and_nothing_else():
    np.random.seed(0)
    offsets = {RandomCrop(4)(loaded(noise(6, 5)))['crop_offset'] for _ in range(200)}
    assert offsets == {(y, x) for y in range(3) for x in range(2)}


def test_random_transforms_follow_numpys_seed():
    def run():
        np.random.seed(7)
        return [RandomFlip(0.5)(RandomCrop(4)(loaded(noise(9, 9))))['img'].tolist() for _ in range(5)]

    assert run() == run()


def test_flip_probability_zero_and_half():
    np.random.seed(0)
    assert not any(RandomFlip(0)(loaded(noise(2, 2)))['flip'] for _ in range(50))
    flips = sum(RandomFlip(0.5)(loaded(noise(2, 2)))['flip'] for _ in range(1000))
    assert 440 < flips < 560


def test_second_crop_adds_to_the_offset():
    results = CenterCrop(4)(CenterCrop(8)(loaded(noise(10, 12))))
    assert results['crop_offset'] == (3, 4)


def test_resize_to_the_same_size_is_the_identity():
    img = noise(5, 7)
    assert Resize((5, 7))(loaded(img))['img'] is img


@pytest.mark.parametrize('first', [CenterCrop(4), RandomFlip(1)])
def test_resize_after_crop_or_flip_is_refused_at_test_only(first):
    with pytest.raises(ValueError, match='Resize must come before crop and flip'):
        Resize(8)(first(loaded(noise(9, 9))))
    assert Resize(8)(first(loaded(noise(9, 9), test_mode=False)))['img'].shape == (8, 8, 3)


def test_crop_after_flip_is_refused_at_test_only():
    with pytest.raises(ValueError, match='crop must come before the flip'):
        CenterCrop(4)(RandomFlip(1)(loaded(noise(9, 9))))
    assert CenterCrop(4)(RandomFlip(1)(loaded(noise(9, 9), test_mode=False)))['img'].shape == (4, 4, 3)


@pytest.mark.parametrize('crop', [CenterCrop, RandomCrop, TenCrop])
def test_image_smaller_than_the_crop_is_named(crop):
    with pytest.raises(ValueError, match=r'bird.jpg: \(5, 9\) \(H, W\) is smaller than the crop \(6, 6\)'):
        crop(6)(loaded(noise(5, 9), img_path='bird.jpg'))


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match='interpolation must be one of'):
        Resize(8, interpolation='cubic')
    with pytest.raises(ValueError, match=r'prob must lie in \[0, 1\]'):
        RandomFlip(1.5)
    with pytest.raises(ValueError, match='a size must be positive'):
        CenterCrop(0)
