"""ILSVRC in each layout that people have; all of them must give the same images, labels and boxes."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from mmwsol.datasets import ILSVRC
from mmwsol.datasets.transforms import LoadLocImage

WNIDS = ('n01440764', 'n01443537', 'n02110958')
BOXES = {
    1: ('n02110958', [[1, 2, 19, 9]]),
    2: ('n01440764', [[0, 0, 4, 4], [5, 5, 18, 9]]),
    3: ('n01443537', [[3, 3, 4, 6]]),
}
XML = (
    '<annotation><folder>val</folder><filename>{name}</filename><source><database>ILSVRC_2012</database></source>'
    '<size><width>20</width><height>10</height><depth>3</depth></size><segmented>0</segmented>{objects}</annotation>'
)
OBJECT = (
    '<object><name>{}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>'
    '<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>'
)


def name_of(i):
    return f'ILSVRC2012_val_{i:08d}'


@pytest.fixture
def root(data_root, image_writer):
    """Three classes with two training images each, three validation images in one folder, and the class list."""
    root = data_root / 'ILSVRC'
    for wnid in WNIDS:
        for i in (10, 9):
            image_writer(root / f'train/{wnid}/{wnid}_{i}.JPEG')
    for i in BOXES:
        image_writer(root / f'val/{name_of(i)}.JPEG')
    (root / 'LOC_synset_mapping.txt').write_text(
        'n01440764 tench\nn01443537 goldfish\nn02110958 pug, pug-dog\n'
    )
    return root


def write_xml(folder):
    folder.mkdir(parents=True)
    for i, (wnid, boxes) in BOXES.items():
        objects = ''.join(OBJECT.format(wnid, *box) for box in boxes)
        (folder / f'{name_of(i)}.xml').write_text(XML.format(name=name_of(i), objects=objects))


def write_metadata(folder, prefix='val/'):
    folder.mkdir(parents=True, exist_ok=True)
    ids = {i: f'{prefix}{name_of(i)}.JPEG' for i in BOXES}
    (folder / 'image_ids.txt').write_text('\n'.join(ids.values()))
    (folder / 'class_labels.txt').write_text(''.join(f'{ids[i]},{WNIDS.index(BOXES[i][0])}\n' for i in BOXES))
    (folder / 'image_sizes.txt').write_text(''.join(f'{ids[i]},20,10\n' for i in BOXES))
    rows = [','.join(map(str, (ids[i], *box))) for i in BOXES for box in BOXES[i][1]]
    (folder / 'localization.txt').write_text('\n'.join(rows) + '\n')


def write_val_gt(root):
    lines = [
        f'{wnid}\\\\{name_of(i)}.JPEG 20 10 ; ' + ' '.join(str(v) for box in boxes for v in box)
        for i, (wnid, boxes) in BOXES.items()
    ]
    (root / 'val_gt.txt').write_bytes('\r\n'.join([*lines, '']).encode())


def write_tscam(root):
    lines = [
        f'{wnid}/{name_of(i)}.JPEG {WNIDS.index(wnid)} ' + ' '.join(str(v) for box in boxes for v in box)
        for i, (wnid, boxes) in BOXES.items()
    ]
    (root / 'val_folder_new.txt').write_text('\n'.join(lines))


def write_kaggle(root):
    rows = [
        f'{name_of(i)},' + ' '.join(f'{wnid} ' + ' '.join(map(str, box)) for box in boxes) + ' '
        for i, (wnid, boxes) in BOXES.items()
    ]
    (root / 'LOC_val_solution.csv').write_text('\n'.join(['ImageId,PredictionString', *rows, '']))


def into_wnid_folders(root):
    for i, (wnid, _) in BOXES.items():
        (root / 'val' / wnid).mkdir(exist_ok=True)
        shutil.move(root / f'val/{name_of(i)}.JPEG', root / f'val/{wnid}/')


def into_kaggle_folders(root):
    for split in ('train', 'val'):
        (root / 'Data/CLS-LOC').mkdir(parents=True, exist_ok=True)
        shutil.move(root / split, root / 'Data/CLS-LOC' / split)


WRITERS = {
    'xml of Kaggle': lambda root: write_xml(root / 'Annotations/CLS-LOC/val'),
    'xml as downloaded': lambda root: write_xml(root / 'bbox/val'),
    'metadata': lambda root: write_metadata(root.parent / 'metadata/ILSVRC/test'),
    'metadata beside the images': write_metadata,
    'metadata of DA-WSOL': lambda root: write_metadata(root.parent / 'metadata/ILSVRC/test', 'ILSVRC/val/'),
    'BAS': write_val_gt,
    'TS-CAM': write_tscam,
    'csv of Kaggle': write_kaggle,
}


@pytest.mark.parametrize('move', [None, into_wnid_folders, into_kaggle_folders])
@pytest.mark.parametrize('layout', WRITERS)
def test_every_layout_gives_the_same_test_set(root, layout, move):
    WRITERS[layout](root)
    if move is not None:
        move(root)
    dataset = ILSVRC(split='test', pipeline=[LoadLocImage()])
    assert dataset.metainfo['classes'] == ('n01440764 tench', 'n01443537 goldfish', 'n02110958 pug, pug-dog')
    assert [dataset[i]['img_id'] for i in range(len(dataset))] == [f'val/{name_of(i)}.JPEG' for i in BOXES]
    assert [dataset[i]['gt_label'] for i in range(3)] == [2, 0, 1]
    for i, (_, boxes) in enumerate(BOXES.values()):
        np.testing.assert_array_equal(dataset[i]['gt_bboxes'], boxes)
        assert dataset[i]['img'].shape == (10, 20, 3)


def test_training_images_are_those_of_the_folders_and_need_no_boxes(root):
    (root / 'train/n01440764/notes.txt').write_text('not an image')
    dataset = ILSVRC(split='train')
    assert len(dataset) == 6 and dataset.num_classes == 3
    info = dataset.get_data_info(0)
    assert info['img_id'] == 'train/n01440764/n01440764_10.JPEG'
    assert info['img_path'] == str(root / 'train/n01440764/n01440764_10.JPEG')
    assert [dataset.get_data_info(i)['gt_label'] for i in range(6)] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize('layout', ['xml as downloaded', 'metadata', 'BAS', 'TS-CAM', 'csv of Kaggle'])
def test_an_image_that_is_missing_is_missed_in_every_layout(root, layout):
    WRITERS[layout](root)
    (root / f'val/{name_of(2)}.JPEG').unlink()
    with pytest.raises(
        FileNotFoundError, match=rf'1 of 3 image files are missing, first .*{name_of(2)}\.JPEG'
    ):
        ILSVRC(split='test')


def test_an_image_without_xml_is_named(root):
    WRITERS['xml as downloaded'](root)
    (root / f'bbox/val/{name_of(2)}.xml').unlink()
    with pytest.raises(FileNotFoundError, match=rf'{name_of(2)}\.xml: annotation missing'):
        ILSVRC(split='test')


def test_without_a_class_list_the_folders_name_the_classes(root):
    (root / 'LOC_synset_mapping.txt').unlink()
    write_xml(root / 'Annotations/val')
    assert ILSVRC(split='test').metainfo['classes'] == WNIDS
    assert ILSVRC(split='train').metainfo['classes'] == WNIDS


def test_boxes_may_lie_anywhere(root, data_root):
    write_kaggle(root)
    write_xml(data_root / 'elsewhere')
    path = data_root / 'elsewhere' / f'{name_of(1)}.xml'
    path.write_text(path.read_text().replace('<xmin>1<', '<xmin>7<'))
    dataset = ILSVRC(split='test', annotations='elsewhere')
    assert dataset.get_data_info(0)['gt_bboxes'].tolist() == [[7, 2, 19, 9]]


def test_test_images_hand_out_no_boxes_for_training(root):
    write_kaggle(root)
    assert 'gt_bboxes' not in ILSVRC(split='test', test_mode=False).get_data_info(0)


@pytest.mark.parametrize('folder', ['val2', 'imagenetv2-threshold0.7-format-val'])
def test_val_is_imagenetv2(root, data_root, image_writer, folder):
    ids = [f'val2/{label}/{k}.jpeg' for label in (0, 1, 2, 10) for k in (0, 1)]
    for name in ids:
        image_writer(root / name.replace('val2', folder))
    ann = data_root / 'metadata/ILSVRC/val'
    ann.mkdir(parents=True)
    (ann / 'image_ids.txt').write_text('\n'.join(ids))
    (ann / 'class_labels.txt').write_text(''.join(f'{name},{name.split("/")[1]}\n' for name in ids))
    (ann / 'image_sizes.txt').write_text(''.join(f'{name},20,10\n' for name in ids))
    (ann / 'localization.txt').write_text(''.join(f'{name},1,1,5,5\n{name},2,2,6,6\n' for name in ids))
    (root / 'LOC_synset_mapping.txt').unlink()
    shutil.rmtree(root / 'train')
    dataset = ILSVRC(split='val')
    assert (len(dataset), dataset.num_classes) == (8, 1000)
    assert dataset.get_data_info(7)['gt_label'] == 10
    assert dataset.get_data_info(7)['img_path'] == str(root / folder / '10/1.jpeg')
    assert dataset.get_data_info(7)['gt_bboxes'].tolist() == [[1, 1, 5, 5], [2, 2, 6, 6]]


def test_errors_say_what_is_missing(root):
    with pytest.raises(
        FileNotFoundError, match=r'no boxes of ILSVRC.* looked for .*metadata/ILSVRC/test, .*val_gt'
    ):
        ILSVRC(split='test')
    with pytest.raises(FileNotFoundError, match=r"no images of ILSVRC's val found; looked for .*val2"):
        ILSVRC(split='val')
    with pytest.raises(
        ValueError, match=r"split of ILSVRC must be one of \['train', 'val', 'test'\], got 'dev'"
    ):
        ILSVRC(split='dev')
    shutil.rmtree(root / 'train/n01443537')
    with pytest.raises(ValueError, match=r"one folder for each of the 3 wnids .*\['n01443537'\]"):
        ILSVRC()


def test_broken_annotations_are_named(root):
    write_xml(root / 'bbox/val')
    path = root / 'bbox/val' / f'{name_of(2)}.xml'
    text = path.read_text()
    path.write_text(text.replace('<xmax>18</xmax>', ''))
    with pytest.raises(ValueError, match=r'00000002\.xml: must be a VOC XML .*object has no bndbox/xmax'):
        ILSVRC(split='test')
    path.write_text(text.replace('n01440764', 'n09999999'))
    with pytest.raises(ValueError, match=r"00000002 is of class 'n09999999', which is not among the 3 wnids"):
        ILSVRC(split='test')
    path.write_text(text.replace('n01440764', 'n01443537', 1))
    with pytest.raises(ValueError, match='objects of one class'):
        ILSVRC(split='test')
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r'00000002\.xml: annotation missing'):
        ILSVRC(split='test')
    (root / 'val_gt.txt').write_text('n01440764\\\\a.JPEG 20 10 ; 1 2 3\n')
    with pytest.raises(ValueError, match=r'val_gt\.txt, line 1: must be wnid'):
        ILSVRC(split='test', annotations='ILSVRC/val_gt.txt')


def test_an_image_without_its_file_is_missed(root):
    write_kaggle(root)
    (root / f'val/{name_of(3)}.JPEG').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 3 image files are missing, first .*00000003\.JPEG'):
        ILSVRC(split='test')


def test_real_imagenet_validation_images(shared_dir, monkeypatch):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(shared_dir / 'data'))
    dataset = ILSVRC('ILSVRC_val', split='test', pipeline=[LoadLocImage()])
    assert (len(dataset), dataset.num_classes) == (600, 1000)
    assert dataset.metainfo['classes'][300].startswith('n02165105 tiger beetle')
    lines = (shared_dir / 'data/ILSVRC_val/localization.txt').read_text().split()
    boxes = [
        [dataset.get_data_info(i)['img_id'], *map(int, box)]
        for i in range(600)
        for box in dataset.get_data_info(i)['gt_bboxes']
    ]
    assert sorted(','.join(map(str, box)) for box in boxes) == sorted(lines)
    assert dataset[0]['img'].shape == (227, 227, 3) and dataset[0]['gt_label'] == 300
