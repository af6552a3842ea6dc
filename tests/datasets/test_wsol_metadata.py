from __future__ import annotations

import cv2
import numpy as np
import pytest

from mmwsol.datasets import WSOLMetadata
from mmwsol.datasets.transforms import CenterCrop, LoadLocImage, PackLocInputs, RandomFlip, Resize


def test_images_lie_below_the_annotation_folder_by_default(metadata_root):
    dataset = WSOLMetadata('meta', test_mode=True)
    assert dataset.get_data_info(1)['img_path'] == str(metadata_root / 'val/y.png')
    np.testing.assert_array_equal(dataset.get_data_info(1)['gt_bboxes'], [[3, 3, 3, 4]])
    assert dataset.num_classes == 3


def test_images_may_lie_elsewhere(metadata_root):
    (metadata_root / 'val').rename(metadata_root.parent / 'val')
    dataset = WSOLMetadata('meta', data_root='', test_mode=True)
    assert dataset.get_data_info(0)['img_path'] == str(metadata_root.parent / 'val/x,1.png')


def test_training_never_opens_the_boxes(metadata_root):
    (metadata_root / 'localization.txt').write_text('nonsense')
    assert 'gt_bboxes' not in WSOLMetadata('meta').get_data_info(0)


def test_class_names_are_read_where_they_exist(metadata_root):
    (metadata_root / 'synset_words.txt').write_text('n1 tench\nn2 goldfish\nn3 shark\n')
    assert WSOLMetadata('meta').metainfo['classes'] == ('n1 tench', 'n2 goldfish', 'n3 shark')
    with pytest.raises(ValueError, match=r'names 3 classes, but num_classes=4'):
        WSOLMetadata('meta', num_classes=4)


def test_class_count_may_be_stated(metadata_root):
    assert WSOLMetadata('meta', num_classes=5, test_mode=True).num_classes == 5
    with pytest.raises(ValueError, match=r'class_labels\.txt, line 3'):
        WSOLMetadata('meta', num_classes=2, test_mode=True)


def test_real_imagenet_validation_images(shared_dir, monkeypatch):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(shared_dir / 'data'))
    dataset = WSOLMetadata('ILSVRC_val', test_mode=True)
    assert (len(dataset), dataset.num_classes) == (600, 1000)


def plain_mask(size):
    """The first image of ``mask_root`` at ``size`` (H, W), by wsolevaluation's procedure."""

    def read(name):
        grey = cv2.imread(str(name), cv2.IMREAD_GRAYSCALE).astype(np.float32)
        return cv2.resize(grey, size[::-1], interpolation=cv2.INTER_NEAREST) > 0.5

    def merge(folder):
        truth = read(folder / '0_m0.png') | read(folder / '0_m1.png')
        ignored = read(folder / '0_ignore.png') & ~truth
        return np.where(ignored, 255, truth).astype(np.uint8)

    return merge


def test_masks_of_several_sizes_are_resized_once_then_united(mask_root):
    pipeline = [LoadLocImage(), Resize((14, 14)), PackLocInputs()]
    dataset = WSOLMetadata('masks', test_mode=True, pipeline=pipeline)
    first, second, third = (dataset[i]['data_samples'].gt_mask.numpy() for i in range(3))
    np.testing.assert_array_equal(first, plain_mask((14, 14))(mask_root / 'test'))
    assert {0, 1, 255} == set(first.flat)
    assert set(second.flat) == {0, 255}  # an image without an object
    np.testing.assert_array_equal(third[:, :7], 1)
    assert third[:, 7:].max() == 0


def test_masks_may_lie_elsewhere(mask_root):
    other = mask_root.parent / 'elsewhere'
    (other / 'test').mkdir(parents=True)
    for file in (mask_root / 'test').glob('*.png'):
        file.rename(other / 'test' / file.name)
    dataset = WSOLMetadata('masks', test_mode=True, mask_root='elsewhere')
    assert dataset.get_data_info(2)['mask_paths'] == [str(other / 'test/2_m0.png')]
    assert dataset.get_data_info(2)['ignore_path'] is None


def test_missing_mask_is_found_when_the_data_set_is_built(mask_root):
    (mask_root / 'test/0_m1.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 6 mask files are missing, first .*0_m1\.png'):
        WSOLMetadata('masks', test_mode=True)


def test_training_never_sees_the_masks(mask_root):
    (mask_root / 'localization.txt').write_text('nonsense')
    for file in (mask_root / 'test').glob('*.png'):
        file.unlink()
    dataset = WSOLMetadata('masks', pipeline=[LoadLocImage(), Resize((14, 14)), PackLocInputs()])
    assert not {'mask_paths', 'ignore_path'} & set(dataset.get_data_info(0))
    assert 'gt_mask' not in dataset[0]['data_samples']


@pytest.mark.parametrize('step', [CenterCrop(4), RandomFlip(1.0), PackLocInputs()])
def test_masks_of_another_size_must_be_resized_first(mask_root, step):
    dataset = WSOLMetadata('masks', test_mode=True, pipeline=[LoadLocImage(), step])
    with pytest.raises(
        ValueError, match=r'2\.jpg: its masks have the sizes \[\(5, 10\)\].*put Resize before'
    ):
        dataset[2]
