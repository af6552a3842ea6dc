from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmwsol.datasets.checks.image_facts import (
    class_mask_facts,
    image_facts,
    in_parallel,
    mask_facts,
    perceptual_hash,
    thumbnail,
)
from mmwsol.datasets.transforms.loading import LoadLocImage, UnreadableImageError


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'gif', 'webp', 'bmp'])
@pytest.mark.parametrize('kept', [0.05, 0.5, 0.95, 1.0])
def test_verdict_on_a_cut_file_is_the_readers(scene, tmp_path, suffix, kept):
    path = tmp_path / f'a.{suffix}'
    scene(3).save(path)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    try:
        LoadLocImage()({'img_path': str(path)})
        readable = True
    except UnreadableImageError:
        readable = False
    facts = image_facts(str(path))
    assert (facts.fault is None) == readable
    if kept == 1.0:
        assert readable and facts.size == (120, 90)


def test_damaged_exif_does_not_make_an_image_broken(scene, tmp_path):
    scene(0).save(tmp_path / 'a.jpg', exif=b'Exif\0\0nonsense')
    assert image_facts(str(tmp_path / 'a.jpg')).fault is None


def test_hash_survives_scaling_and_recompression(scene, tmp_path):
    scene(1, 640, 480).save(tmp_path / 'large.png')
    scene(1, 640, 480).resize((200, 150)).save(tmp_path / 'small.jpg', quality=40)
    scene(2, 640, 480).save(tmp_path / 'other.png')
    large, small, other = (
        image_facts(str(tmp_path / name)).look for name in ('large.png', 'small.jpg', 'other.png')
    )
    assert (large ^ small).bit_count() <= 4
    assert (large ^ other).bit_count() > 10


def test_hash_uses_all_63_bits_and_ignores_brightness(scene):
    grey = np.asarray(scene(5).convert('L').resize((32, 32)), dtype=np.float32)
    assert perceptual_hash(grey).bit_count() == 31  # as many above the median as below
    assert perceptual_hash(grey / 2 + 50) == perceptual_hash(grey)


def test_mask_facts_state_size_and_values(tmp_path):
    Image.frombytes('L', (3, 1), bytes([0, 1, 255])).save(tmp_path / 'm.png')
    facts = mask_facts(str(tmp_path / 'm.png'))
    assert (facts.size, facts.values) == ((3, 1), (0, 1, 255))


def test_palette_is_looked_up_unless_it_holds_class_numbers(tmp_path):
    image = Image.fromarray(np.full((2, 2), 4, np.uint8)).convert('P')
    image.putpalette([0, 0, 0] * 4 + [200, 200, 200] * 252)
    image.save(tmp_path / 'm.png')
    assert mask_facts(str(tmp_path / 'm.png')).values == (200,)
    assert class_mask_facts(str(tmp_path / 'm.png')).values == (4,)


def test_thumbnail_of_a_flat_picture_is_zero(tmp_path):
    Image.new('RGB', (50, 50), (9, 9, 9)).save(tmp_path / 'flat.png')
    assert not thumbnail(str(tmp_path / 'flat.png')).any()


@pytest.mark.parametrize('workers', [1, 3])
def test_each_path_is_read_once_in_order(workers):
    seen = []
    paths = [str(i % 150) for i in range(300)]
    result = in_parallel(lambda path: seen.append(path) or int(path), paths, workers)
    assert result == {str(i): i for i in range(150)} and list(result) == paths[:150]
    assert sorted(seen, key=int) == paths[:150]
