from __future__ import annotations

import pytest

from mmwsol.datasets import StanfordDogs

CLASSES = ('n02085620-Chihuahua', 'n02085782-Japanese_spaniel')
TRAIN = [f'{CLASSES[0]}/n02085620_5927.jpg', f'{CLASSES[1]}/n02085782_2874.jpg']
TEST = [f'{CLASSES[0]}/n02085620_2650.jpg', f'{CLASSES[1]}/n02085782_2886.jpg']
BOXES = {TEST[0]: [[2, 1, 15, 9]], TEST[1]: [[0, 0, 8, 9], [9, 1, 19, 9]]}


@pytest.fixture
def root(data_root, image_writer, write_mat):
    root = data_root / 'Stanford_Dogs'
    for name in TRAIN + TEST:
        image_writer(root / 'Images' / name)
        annotation = root / 'Annotation' / name[:-4]
        annotation.parent.mkdir(parents=True, exist_ok=True)
        objects = ''.join(
            f'<object><name>dog</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>'
            '</bndbox></object>'
            for x0, y0, x1, y1 in BOXES.get(name, [[1, 1, 2, 2]])
        )
        annotation.write_text(
            f'<annotation>\n<size><width>20</width><height>10</height></size>\n{objects}\n</annotation>'
        )
    write_mat(root / 'train_list.mat', file_list=TRAIN, labels=[1, 2])
    write_mat(root / 'test_list.mat', file_list=TEST, labels=[1, 2])
    return root


@pytest.mark.parametrize('folder', ['', 'lists'])
def test_published_layout(root, folder):
    if folder:
        (root / folder).mkdir()
        for path in root.glob('*.mat'):
            path.rename(root / folder / path.name)
    train, test = StanfordDogs(), StanfordDogs(split='test')
    assert [train.get_data_info(i)['img_id'] for i in range(len(train))] == TRAIN
    infos = [test.get_data_info(i) for i in range(len(test))]
    assert [info['gt_label'] for info in infos] == [0, 1]
    assert [info['gt_bboxes'].tolist() for info in infos] == [BOXES[name] for name in TEST]
    assert test.metainfo['classes'] == train.metainfo['classes'] == CLASSES


def test_training_opens_no_annotation(root):
    for path in (root / 'Annotation').rglob('n*_*'):
        if path.is_file():
            path.unlink()
    assert 'gt_bboxes' not in StanfordDogs().get_data_info(0)
    with pytest.raises(FileNotFoundError, match='n02085620_2650: annotation missing'):
        StanfordDogs(split='test')


def test_layout_of_sat(root):
    for split, names in (('train', TRAIN), ('test', TEST)):
        for name in names:
            (root / split / name).parent.mkdir(parents=True, exist_ok=True)
            (root / 'Images' / name).rename(root / split / name)
    (root / 'test_list.txt').write_text(''.join(f'{name};{i}\n' for i, name in enumerate(TEST)))
    boxes = [' '.join(str(v) for box in BOXES[name] for v in box) for name in TEST]
    (root / 'test_gt.txt').write_text(''.join(f'{line} 10 20\n' for line in boxes))
    test = StanfordDogs(split='test')
    assert [test.get_data_info(i)['gt_bboxes'].tolist() for i in range(2)] == [BOXES[name] for name in TEST]
    assert len(StanfordDogs()) == 2


def test_folders_of_ones_own_beside_the_published_layout_do_not_matter(root, image_writer):
    for split, name in (('train', TEST[0]), ('test', TRAIN[1])):
        image_writer(root / split / name)
    test = StanfordDogs(split='test')
    assert [test.get_data_info(i)['img_id'] for i in range(len(test))] == TEST


def test_lists_must_fit_the_folders(root, write_mat):
    write_mat(root / 'train_list.mat', file_list=TRAIN, labels=[2, 1])
    with pytest.raises(ValueError, match=r'n02085620_5927\.jpg has label 2.*place of its folder'):
        StanfordDogs()
    write_mat(root / 'train_list.mat', file_list=TRAIN)
    with pytest.raises(ValueError, match=r"train_list\.mat: .*\['labels'\] are missing"):
        StanfordDogs()
    (root / 'train_list.mat').write_bytes(b'no list')
    with pytest.raises(ValueError, match='not a MATLAB file'):
        StanfordDogs()
    (root / 'train_list.mat').unlink()
    with pytest.raises(FileNotFoundError, match=r'no list of Stanford Dogs \(train\) found; looked for'):
        StanfordDogs()
