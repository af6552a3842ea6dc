from __future__ import annotations

import json

import numpy as np
import pytest

from mmwsol.datasets import COCO14
from mmwsol.datasets.transforms import LoadLocImage, PackLocInputs

SQUARE = [[2, 1, 8, 1, 8, 5, 2, 5]]  # polygon of columns 2..8, rows 1..5
CROWD = {'size': [10, 20], 'counts': [0, 30, 170]}  # the first three columns
ANNOTATIONS = [  # image, category, bbox, segmentation, crowd
    (9, 90, [2.5, 1.25, 6, 4], SQUARE, 0),
    (9, 90, [10, 2, 3.5, 3], [[10, 2, 13, 2, 13, 5, 10, 5]], 0),
    (9, 1, [0, 0, 5, 5], [[0, 0, 5, 0, 5, 5, 0, 5]], 0),
    (25, 18, [1, 1, 3, 3], [[1, 1, 4, 1, 4, 4, 1, 4]], 0),
    (25, 1, [0, 0, 3, 10], CROWD, 1),
    (25, 18, [0, 0, 3, 10], CROWD, 1),
]


def name_of(split, number):
    return f'COCO_{split}2014_{number:012d}'


@pytest.fixture
def root(data_root, image_writer):
    """Categories 1, 18, 90; three images of which the last has no annotation."""
    root = data_root / 'coco'
    for split in ('train', 'val'):
        images = [
            {'id': i, 'file_name': f'{name_of(split, i)}.jpg', 'width': 20, 'height': 10} for i in (25, 9, 30)
        ]
        for image in images:
            image_writer(root / f'{split}2014' / image['file_name'])
        content = {
            'images': images,
            'annotations': [
                dict(zip(('image_id', 'category_id', 'bbox', 'segmentation', 'iscrowd'), row))
                for row in ANNOTATIONS
            ],
            'categories': [
                {'id': i, 'name': name} for i, name in ((90, 'toothbrush'), (1, 'person'), (18, 'dog'))
            ],
        }
        (root / 'annotations').mkdir(exist_ok=True)
        (root / f'annotations/instances_{split}2014.json').write_text(json.dumps(content))
    return root


def infos_of(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_labels_follow_the_category_ids_and_images_without_annotation_are_left_out(root):
    dataset = COCO14()
    assert dataset.metainfo['classes'] == ('person', 'dog', 'toothbrush')
    ids = [
        (info['img_id'][-4:], info['gt_label'], info['gt_labels'])
        for info in infos_of(COCO14(labels='random'))
    ]
    assert [(stem, labels) for stem, _, labels in ids] == [('0025', [0, 1]), ('0009', [0, 2])]
    assert [info['gt_label'] for info in infos_of(dataset)] == [0, 1, 0, 2]
    assert all('gt_bboxes' not in info for info in infos_of(dataset))


def test_split_that_papers_test_on_says_so(root):
    assert COCO14(split='val').metainfo['split'] == 'val (test)'


def test_boxes_become_corners_and_crowds_have_none(root):
    infos = infos_of(COCO14(split='val'))
    stem = name_of('val', 25)
    assert [info['img_id'] for info in infos] == [
        f'{stem}/dog',
        f'{name_of("val", 9)}/person',
        f'{name_of("val", 9)}/toothbrush',
    ]
    assert [info['gt_bboxes'].tolist() for info in infos] == [
        [[1, 1, 4, 4]],
        [[0, 0, 5, 5]],
        [[2.5, 1.25, 8.5, 5.25], [10, 2, 13.5, 5]],
    ]


def test_masks_unite_the_objects_of_a_class_and_ignore_crowds(root):
    pytest.importorskip('pycocotools')
    dataset = COCO14(split='val', masks=True, pipeline=[LoadLocImage(), PackLocInputs()])
    masks = {dataset[i]['data_samples'].img_id: dataset[i]['data_samples'].gt_mask.numpy() for i in range(3)}
    expected = np.zeros((10, 20), np.uint8)
    expected[1:5, 2:8] = 1
    expected[2:5, 10:13] = 1
    np.testing.assert_array_equal(masks[f'{name_of("val", 9)}/toothbrush'], expected)
    dog = masks[f'{name_of("val", 25)}/dog']
    assert (dog[1:4, 1:4] == 1).all() and (dog[5:, :3] == 255).all() and (dog == 1).sum() == 9
    assert dataset.get_data_info(0)['gt_bboxes'].tolist() == [[1, 1, 4, 4]]


def test_a_mask_of_another_size_is_refused(root, image_writer):
    pytest.importorskip('pycocotools')
    image_writer(root / f'val2014/{name_of("val", 25)}.jpg', width=21)
    dataset = COCO14(split='val', masks=True, pipeline=[LoadLocImage()])
    with pytest.raises(
        ValueError, match=r'must have the size of its image, got \(10, 20\) .* with \(10, 21\)'
    ):
        dataset[0]


def test_errors_name_the_file(root):
    path = root / 'annotations/instances_val2014.json'
    path.write_text(path.read_text().replace('"category_id": 18', '"category_id": 19'))
    with pytest.raises(ValueError, match=r'instances_val2014\.json: must be a COCO JSON .*KeyError\(19\)'):
        COCO14(split='val')
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r'no annotation of COCO14 \(val\) found; looked for'):
        COCO14(split='val')
