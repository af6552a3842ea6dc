from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmwsol.datasets.transforms import LoadLocImage, UnreadableImageError


def save(path, array, mode='RGB', **kwargs):
    Image.fromarray(array).convert(mode).save(path, **kwargs)
    return str(path)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def test_pixels_are_rgb_as_stored(tmp_path, pixels):
    results = LoadLocImage()({'img_path': save(tmp_path / 'a.png', pixels)})
    np.testing.assert_array_equal(results['img'], pixels)
    assert results['img'].flags.writeable


def test_the_way_back_starts_as_the_identity(tmp_path, pixels):
    results = LoadLocImage()({'img_path': save(tmp_path / 'a.png', pixels)})
    assert results['ori_shape'] == results['resize_shape'] == results['img_shape'] == (4, 6)
    assert results['crop_offset'] == (0, 0)
    assert results['flip'] is False


@pytest.mark.parametrize('mode', ['L', 'RGBA', 'P', 'CMYK', 'LA', '1'])
def test_every_colour_mode_becomes_three_channels(tmp_path, pixels, mode):
    suffix = 'jpg' if mode == 'CMYK' else 'png'
    results = LoadLocImage()({'img_path': save(tmp_path / f'a.{suffix}', pixels, mode)})
    assert results['img'].shape == (4, 6, 3)
    assert results['img'].dtype == np.uint8


def test_exif_orientation_is_ignored(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees for display
    results = LoadLocImage()({'img_path': save(tmp_path / 'a.png', pixels, exif=exif)})
    np.testing.assert_array_equal(results['img'], pixels)


def test_published_box_is_kept_beside_the_moving_one(tmp_path, pixels):
    box = np.array([[0.5, 1, 2, 3]])
    results = LoadLocImage()({'img_path': save(tmp_path / 'a.png', pixels), 'gt_bboxes': box})
    np.testing.assert_array_equal(results['ori_bboxes'], box)


def test_mask_must_have_the_size_of_the_image(tmp_path, pixels):
    results = {
        'img_path': save(tmp_path / 'a.png', pixels),
        'mask_path': save(tmp_path / 'm.png', np.eye(4, 6, dtype=np.uint8), 'L'),
    }
    np.testing.assert_array_equal(LoadLocImage()(results)['gt_mask'], np.eye(4, 6))
    results['mask_path'] = save(tmp_path / 'm.png', np.eye(4, dtype=np.uint8), 'L')
    with pytest.raises(ValueError, match=r'm.png: a mask must have the size of its image, got \(4, 4\)'):
        LoadLocImage()(results)


@pytest.mark.parametrize('size', [(4, 6), (8, 12)])
def test_mask_of_votes_is_object_where_half_of_the_annotators_drew_it(tmp_path, size):
    votes = np.zeros(size, np.uint8)
    votes[0, :5] = 1, 102, 127, 128, 255
    results = {
        'img_path': save(tmp_path / 'a.png', np.zeros((4, 6, 3), np.uint8)),
        'mask_votes': save(tmp_path / 'm.png', votes, 'L'),
    }
    loaded = LoadLocImage()(results)['gt_mask']
    mask = loaded if size == (4, 6) else loaded[0]  # of another size than the image: until Resize
    assert mask.shape == size and mask[0, :6].tolist() == [0, 0, 0, 1, 1, 0] and not mask[1:].any()


@pytest.mark.parametrize('suffix', ['jpg', 'png'])
def test_truncated_file_is_named(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f'broken.{suffix}'
    save(path, noise)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UnreadableImageError, match=rf'broken\.{suffix}: cannot be decoded'):
        LoadLocImage()({'img_path': str(path)})


@pytest.mark.parametrize('content', [b'', b'not an image', b'\xff\xd8\xff\xe0'])
def test_foreign_file_is_named(tmp_path, content):
    (tmp_path / 'x.jpg').write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r'x\.jpg: cannot be decoded'):
        LoadLocImage()({'img_path': str(tmp_path / 'x.jpg')})
