from __future__ import annotations

import numpy as np
import pytest

from mmwsol.datasets import OpenImages30k
from mmwsol.datasets.transforms import LoadLocImage, PackLocInputs, Resize


@pytest.fixture
def root(mask_root):
    """The masks' tree as wsolevaluation lays it out: images and masks apart from the lists."""
    root = mask_root.parent / 'OpenImages'
    mask_root.rename(root)
    ann_dir = mask_root.parent / 'metadata/OpenImages/test'
    ann_dir.mkdir(parents=True)
    for path in root.glob('*.txt'):
        path.rename(ann_dir / path.name)
    return root


def test_masks_and_ignored_regions_of_the_test_images(root):
    dataset = OpenImages30k(split='test', pipeline=[LoadLocImage(), Resize((14, 14)), PackLocInputs()])
    assert (len(dataset), dataset.num_classes) == (3, 100)
    assert dataset.get_data_info(0)['mask_paths'] == [str(root / f'test/0_m{i}.png') for i in (0, 1)]
    assert dataset.get_data_info(0)['ignore_path'] == str(root / 'test/0_ignore.png')
    assert set(np.unique(dataset[0]['data_samples'].gt_mask)) == {0, 1, 255}


def test_masks_may_lie_elsewhere(root):
    (root.parent / 'masks').mkdir()
    (root.parent / 'masks/test').mkdir()
    for path in (root / 'test').glob('*.png'):
        path.rename(root.parent / 'masks/test' / path.name)
    dataset = OpenImages30k(split='test', mask_root='masks')
    assert dataset.get_data_info(2)['mask_paths'] == [str(root.parent / 'masks/test/2_m0.png')]


def test_training_names_classes_by_folder_and_never_sees_masks(data_root, image_writer):
    ids = [f'train/m0{label}/{i}.jpg' for label in 'xyz' for i in range(2)]
    for name in ids:
        image_writer(data_root / 'OpenImages' / name)
    (data_root / 'OpenImages/train_images.txt').write_text(
        ''.join(f'{name},{i // 2}\n' for i, name in enumerate(ids))
    )
    with pytest.raises(ValueError, match=r'97 of 100 in .* have none'):
        OpenImages30k()
    ids += [f'train/m{label}/0.jpg' for label in range(3, 100)]
    for name in ids[6:]:
        image_writer(data_root / 'OpenImages' / name)
    lines = [f'{name},{i // 2 if i < 6 else i - 3}\n' for i, name in enumerate(ids)]
    (data_root / 'OpenImages/train_images.txt').write_text(''.join(lines))
    dataset = OpenImages30k()
    assert dataset.metainfo['classes'][:4] == ('m0x', 'm0y', 'm0z', 'm3')
    assert set(dataset.get_data_info(0)) == {'img_id', 'img_path', 'gt_label', 'sample_idx', 'test_mode'}
