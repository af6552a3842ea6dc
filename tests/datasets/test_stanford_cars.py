from __future__ import annotations

import shutil

import numpy as np
import pytest

from mmwsol.datasets import StanfordCars

CLASSES = ['AM General Hummer SUV 2000', 'Acura RL Sedan 2012', 'Ram C/V Cargo Van Minivan 2012']
TRAIN = [('00001.jpg', 3, [2, 1, 20, 9]), ('00002.jpg', 1, [1, 1, 18, 10]), ('00003.jpg', 2, [4, 4, 9, 9])]
TEST = [('00001.jpg', 2, [5, 2, 19, 8]), ('00002.jpg', 3, [1, 2, 3, 4])]
FIELDS = ('bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2')


def table(rows):
    columns = {field: [box[i] for _, _, box in rows] for i, field in enumerate(FIELDS)}
    return {**columns, 'class': [label for _, label, _ in rows], 'fname': [name for name, _, _ in rows]}


@pytest.fixture
def root(data_root, image_writer):
    """Images only, in ``cars_train`` and ``cars_test``, whose names are the same."""
    root = data_root / 'Stanford_Cars'
    for split, rows in (('train', TRAIN), ('test', TEST)):
        for name, _, _ in rows:
            image_writer(root / f'cars_{split}' / name, seed=len(split))
    return root


def write_mats(root, write_mat):
    write_mat(root / 'devkit/cars_train_annos.mat', annotations=table(TRAIN))
    write_mat(root / 'devkit/cars_test_annos_withlabels.mat', annotations=table(TEST))
    write_mat(root / 'devkit/cars_meta.mat', class_names=CLASSES)


def write_joint_mat(root, write_mat):
    """All images under numbers of their own in ``car_ims``."""
    (root / 'car_ims').mkdir()
    rows = []
    for test, split in ((0, TRAIN), (1, TEST)):
        for name, label, box in split:
            rows.append((f'car_ims/{len(rows) + 1:06d}.jpg', label, box, test))
            shutil.move(root / ('cars_test' if test else 'cars_train') / name, root / rows[-1][0])
    annotations = table([row[:3] for row in rows])
    annotations['relative_im_path'] = annotations.pop('fname')
    annotations['test'] = [row[3] for row in rows]
    write_mat(root / 'cars_annos.mat', annotations=annotations, class_names=CLASSES)


def write_csv(root, write_mat):
    """Kaggle's: no head line, images in folders of their classes."""
    for split, rows in (('train', TRAIN), ('test', TEST)):
        lines = [','.join(map(str, (name, *box, label))) for name, label, box in rows]
        (root / f'anno_{split}.csv').write_text('\n'.join(lines) + '\n')
        for name, label, _ in rows:
            folder = root / f'car_data/car_data/{split}' / CLASSES[label - 1].replace('/', '_')
            folder.mkdir(parents=True, exist_ok=True)
            shutil.move(root / f'cars_{split}' / name, folder / name)
    (root / 'names.csv').write_text('\n'.join(CLASSES) + '\n')


def write_headed_csv(root, write_mat):
    for split, rows in (('train', TRAIN), ('test', TEST)):
        lines = [f'{i},{",".join(map(str, box))},{label},{name}' for i, (name, label, box) in enumerate(rows)]
        (root / f'anno_{split}.csv').write_text('\n'.join([',x1,y1,x2,y2,Class,image', *lines]))
    (root / 'names.csv').write_text('\n'.join(CLASSES) + '\n')


def write_list(root, write_mat):
    """BAS and SAT: one folder of images, slashes of class names replaced, train 0 and test 1, height before width."""
    (root / 'images').mkdir()
    lines = []
    for part, (split, rows) in enumerate((('train', TRAIN), ('test', TEST))):
        for name, label, box in rows:
            stem = f'{split}_{name[:-4]}'
            shutil.move(root / f'cars_{split}' / name, root / f'images/{stem}.jpg')
            class_name = CLASSES[label - 1].replace('/', '_')
            lines.append(f'{stem};{class_name};{part};{" ".join(map(str, box))} 10 20')
    (root / 'images_box.txt').write_text('\n'.join(lines))
    (root / 'classes.txt').write_text('\n'.join(CLASSES).replace('/', '_') + '\n')


WRITERS = [write_mats, write_joint_mat, write_csv, write_headed_csv, write_list]


@pytest.mark.parametrize('write', WRITERS)
def test_every_layout_gives_the_same_cars(root, write, write_mat):
    write(root, write_mat)
    for split, rows in (('train', TRAIN), ('test', TEST)):
        dataset = StanfordCars(split=split, test_mode=True)
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        assert [info['gt_label'] for info in infos] == [label - 1 for _, label, _ in rows]
        assert [info['gt_bboxes'].tolist() for info in infos] == [[box] for _, _, box in rows]
        assert [name.replace('_', '/') for name in dataset.metainfo['classes']] == CLASSES
        parts = {path for path in (root / infos[0]['img_path']).parts}
        assert split in parts or f'cars_{split}' in parts or parts & {'car_ims', 'images'}
        assert infos[0]['gt_bboxes'].dtype == np.float64


def test_the_list_of_bas_goes_by_its_own_class_names(root, write_mat):
    """The slashes of cars_meta.mat are others in images_box.txt and in the classes.txt beside it."""
    write_list(root, write_mat)
    write_mat(root / 'devkit/cars_meta.mat', class_names=CLASSES)
    dataset = StanfordCars(split='test')
    assert [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))] == [r[1] - 1 for r in TEST]


def test_training_samples_have_no_boxes(root, write_mat):
    write_mats(root, write_mat)
    assert 'gt_bboxes' not in StanfordCars().get_data_info(0)
    assert 'gt_bboxes' in StanfordCars(split='test').get_data_info(0)


def test_the_test_list_without_labels_is_refused(root, write_mat):
    write_mats(root, write_mat)
    rows = table(TEST)
    del rows['class']
    path = root / 'devkit/cars_test_annos.mat'
    write_mat(path, annotations=rows)
    with pytest.raises(
        ValueError, match=r'cars_test_annos\.mat: has no classes; get cars_test_annos_withlabels'
    ):
        StanfordCars(split='test', annotations='Stanford_Cars/devkit/cars_test_annos.mat')


def test_errors_name_the_file(root, replace_line):
    with pytest.raises(
        FileNotFoundError, match=r'no annotation of Stanford Cars \(train\) found; looked for'
    ):
        StanfordCars()
    write_headed_csv(root, None)
    replace_line(root / 'anno_train.csv', 3, '1,1,1,18,1,00002.jpg')
    with pytest.raises(ValueError, match=r'anno_train\.csv, row 2: must have the columns fname, bbox_x1'):
        StanfordCars()
    (root / 'anno_test.csv').write_text('00001.jpg,5,2,19,8,9\n')
    with pytest.raises(ValueError, match=r'labels must lie in \[0, 3\)'):
        StanfordCars(split='test')
    (root / 'cars_test/00001.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 1 image files are missing, first .*00001\.jpg'):
        StanfordCars(split='test', metainfo={'classes': [str(i) for i in range(9)]})
