from __future__ import annotations

import numpy as np
import pytest

from mmwsol.datasets import WSOLMetadata


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
