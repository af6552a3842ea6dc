from __future__ import annotations

import json
import os

import numpy as np
import pytest

from mmwsol.datasets import ImageFolder
from mmwsol.datasets.image_folder import read_coco_boxes


@pytest.fixture
def folder(data_root, image_writer):
    for i, name in enumerate(('cat/1.jpg', 'cat/deep/2.PNG', 'ant/1.jpg')):
        image_writer(data_root / 'mine' / name, seed=i)
    (data_root / 'mine/cat/notes.txt').write_text('no image')
    return data_root / 'mine'


def coco(folder, boxes):
    names = list(dict.fromkeys(name for name, _ in boxes))
    content = {
        'images': [{'id': 10 + i, 'file_name': name} for i, name in enumerate(names)],
        'annotations': [{'image_id': 10 + names.index(name), 'bbox': box} for name, box in boxes],
    }
    (folder.parent / 'boxes.json').write_text(json.dumps(content))


def test_sorted_folder_names_are_the_classes(folder):
    dataset = ImageFolder('mine')
    assert dataset.metainfo['classes'] == ('ant', 'cat')
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [(i['img_id'], i['gt_label']) for i in infos] == [
        ('ant/1.jpg', 0), ('cat/1.jpg', 1), ('cat/deep/2.PNG', 1),
    ]  # fmt: skip


def test_coco_boxes_become_corners_and_several_may_belong_to_one_image(folder):
    boxes = [('cat/1.jpg', [1, 2, 3, 4]), ('cat/1.jpg', [0, 0, 20, 10]), ('ant/1.jpg', [5, 5, 1, 1])]
    coco(folder, [*boxes, ('cat/deep/2.PNG', [0, 0, 1, 1])])
    dataset = ImageFolder('mine', ann_file='boxes.json', test_mode=True)
    np.testing.assert_array_equal(dataset.get_data_info(1)['gt_bboxes'], [[1, 2, 4, 6], [0, 0, 20, 10]])
    np.testing.assert_array_equal(dataset.get_data_info(0)['gt_bboxes'], [[5, 5, 6, 6]])


def test_training_ignores_the_box_file(folder):
    assert 'gt_bboxes' not in ImageFolder('mine', ann_file='absent.json').get_data_info(0)


def test_test_images_without_a_box_are_named(folder):
    coco(folder, [('cat/1.jpg', [1, 2, 3, 4])])
    with pytest.raises(ValueError, match=r"2 of 3 test images have no box, first \['ant/1.jpg'"):
        ImageFolder('mine', ann_file='boxes.json', test_mode=True)


def test_without_a_box_file_test_images_have_no_boxes(folder):
    assert 'gt_bboxes' not in ImageFolder('mine', test_mode=True).get_data_info(0)


def test_stated_classes_keep_labels_stable_when_a_folder_is_absent(folder):
    (folder.parent / 'names.txt').write_text('ant\nbee\ncat\n')
    for classes in (['ant', 'bee', 'cat'], 'names.txt'):
        dataset = ImageFolder('mine', classes=classes, test_mode=True)
        assert dataset.get_data_info(1)['gt_label'] == 2
    with pytest.raises(ValueError, match='have none: bee'):
        ImageFolder('mine', classes=['ant', 'bee', 'cat'])
    with pytest.raises(ValueError, match=r"not among the 1 classes: \['cat'\]"):
        ImageFolder('mine', classes=['ant'])


def test_file_names_that_are_not_text_are_left_out(folder):
    with open(os.path.join(os.fsencode(folder), b'cat', b'\xff.jpg'), 'wb'):
        pass
    assert len(ImageFolder('mine')) == 3


def test_missing_folder_is_named(data_root):
    with pytest.raises(FileNotFoundError, match='mine: folder missing'):
        ImageFolder('mine')


def test_foreign_json_is_explained(tmp_path):
    path = tmp_path / 'x.json'
    path.write_text('{"images": []}')
    with pytest.raises(ValueError, match=r'must be a COCO JSON .*annotations'):
        read_coco_boxes(str(path))
    with pytest.raises(FileNotFoundError, match=r'absent.json: annotation file missing'):
        read_coco_boxes(str(tmp_path / 'absent.json'))
