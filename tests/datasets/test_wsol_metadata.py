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


def test_inatloc500_is_read_as_any_other_set_in_this_layout(data_root, image_writer):
    """Ids of iNaturalist: long folder names, a training set without boxes and sizes, a test set with several."""
    taxa = ('00003_Animalia_Annelida_Clitellata', '00017_Animalia_Arthropoda_Arachnida')
    for split in ('train', 'val', 'test'):
        ids = [f'{split}/{taxon}/{split}{k}.jpg' for taxon in taxa for k in range(2)]
        for name in ids:
            image_writer(data_root / 'iNatLoc500' / name)
        ann_dir = data_root / 'metadata/iNatLoc500' / split
        ann_dir.mkdir(parents=True)
        (ann_dir / 'image_ids.txt').write_text('\n'.join(ids))
        (ann_dir / 'class_labels.txt').write_text(''.join(f'{name},{i // 2}\n' for i, name in enumerate(ids)))
        if split != 'train':
            (ann_dir / 'image_sizes.txt').write_text(''.join(f'{name},20,10\n' for name in ids))
            (ann_dir / 'localization.txt').write_text(
                ''.join(f'{name},1,2,{9 + i},9\n' for i, name in enumerate(ids))
            )
    common = dict(data_root='iNatLoc500', num_classes=2)
    train = WSOLMetadata('metadata/iNatLoc500/train', **common)
    assert (len(train), [train.get_data_info(i)['gt_label'] for i in range(4)]) == (4, [0, 0, 1, 1])
    for split in ('val', 'test'):
        dataset = WSOLMetadata(f'metadata/iNatLoc500/{split}', test_mode=True, **common)
        boxes = [dataset.get_data_info(i)['gt_bboxes'].tolist() for i in range(4)]
        assert boxes == [[[1, 2, 9 + i, 9]] for i in range(4)]


def test_the_proxy_list_is_a_part_of_the_training_set(metadata_root):
    (metadata_root / 'image_ids_proxy.txt').write_text('val/z.png\nval/y.png')
    dataset = WSOLMetadata('meta', ids_file='image_ids_proxy.txt', test_mode=True)
    assert [dataset.get_data_info(i)['gt_label'] for i in range(2)] == [2, 0]


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
