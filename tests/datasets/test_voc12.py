from __future__ import annotations

import collections

import numpy as np
import pytest
from PIL import Image

from mmwsol.datasets import VOC12
from mmwsol.datasets.transforms import LoadLocImage, PackLocInputs
from mmwsol.datasets.voc12 import CLASSES

IMAGES = {  # stem: objects (class, box, difficult)
    '2007_000032': [
        ('aeroplane', (2, 1, 19, 8), 0),
        ('person', (1, 6, 4, 9), 0),
        ('person', (8, 2, 11, 5), 1),
    ],
    '2007_000039': [('tvmonitor', (5, 1, 15, 9), 0)],
    '2007_000061': [('boat', (3, 3, 9, 9), 0), ('person', (1, 1, 2, 2), 1)],
}
BOAT, PERSON, AEROPLANE, TV = 3, 14, 0, 19


@pytest.fixture
def root(data_root, image_writer):
    root = data_root / 'VOCdevkit/VOC2012'
    for folder in ('Annotations', 'ImageSets/Segmentation', 'ImageSets/Main', 'SegmentationClass'):
        (root / folder).mkdir(parents=True)
    for stem, objects in IMAGES.items():
        image_writer(root / f'JPEGImages/{stem}.jpg')
        text = ''.join(
            f'<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>'
            f'<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox><part><name>head</name><bndbox><xmin>7</xmin><ymin>7</ymin>'
            '<xmax>8</xmax><ymax>8</ymax></bndbox></part></object>'
            for name, (x0, y0, x1, y1), difficult in objects
        )
        size = '<size><width>20</width><height>10</height><depth>3</depth></size>'
        (root / f'Annotations/{stem}.xml').write_text(f'<annotation>{size}{text}</annotation>')
    for split, stems in {'train': list(IMAGES)[:1], 'val': list(IMAGES)[1:], 'trainval': IMAGES}.items():
        (root / f'ImageSets/Segmentation/{split}.txt').write_text('\n'.join(stems) + '\n')
    (root / 'ImageSets/Main/val.txt').write_text('\n'.join(IMAGES))
    return root


def infos_of(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


@pytest.fixture
def full(root, image_writer):
    """One more image for each class, so that every class has training images; listed as ``train_aug`` by DeepLab."""
    stems = list(IMAGES)
    for i, name in enumerate(CLASSES):
        stems.append(f'2008_{i:06d}')
        image_writer(root / f'JPEGImages/{stems[-1]}.jpg')
        text = (root / 'Annotations/2007_000039.xml').read_text().replace('tvmonitor', name)
        (root / f'Annotations/{stems[-1]}.xml').write_text(text)
    lines = [f'/JPEGImages/{stem}.jpg /SegmentationClassAug/{stem}.png\n' for stem in stems]
    (root / 'ImageSets/Segmentation/trainaug.txt').write_text(''.join(lines))
    return root


def test_a_test_sample_for_every_image_and_class_with_the_boxes_of_that_class(root):
    dataset = VOC12(split='trainval', test_mode=True)
    infos = infos_of(dataset)
    assert [(info['img_id'], info['gt_label']) for info in infos] == [
        ('2007_000032/aeroplane', AEROPLANE),
        ('2007_000032/person', PERSON),
        ('2007_000039/tvmonitor', TV),
        ('2007_000061/boat', BOAT),  # its person is difficult: no sample
    ]
    assert [info['gt_bboxes'].tolist() for info in infos] == [
        [[2, 1, 19, 8]],
        [[1, 6, 4, 9]],
        [[5, 1, 15, 9]],
        [[3, 3, 9, 9]],
    ]
    assert infos[0]['gt_labels'] == [AEROPLANE, PERSON] and infos[3]['gt_labels'] == [BOAT, PERSON]


def test_split_that_papers_test_on_says_so(root):
    assert VOC12(split='val').metainfo['split'] == 'val (test)'
    assert VOC12(split='train', test_mode=True).metainfo['split'] == 'train'


def test_images_of_one_class_only(root):
    infos = infos_of(VOC12(split='val', labels='one'))
    assert [(info['img_id'], info['gt_label']) for info in infos] == [('2007_000039', TV)]
    assert len(VOC12(split='val', image_set='Main')) == 4


def test_train_aug_has_labels_and_nothing_else(full):
    dataset = VOC12()
    assert len(dataset) == 3 + 2 + 20 and dataset.num_classes == 20
    info = dataset.get_data_info(0)
    assert set(info) == {'img_id', 'img_path', 'gt_label', 'gt_labels', 'sample_idx', 'test_mode'}


def test_the_class_of_a_random_sample_changes_from_time_to_time(full):
    dataset = VOC12(labels='random', pipeline=[LoadLocImage(), PackLocInputs()])
    assert len(dataset) == 23
    np.random.seed(0)
    drawn = collections.Counter(int(dataset[0]['data_samples'].gt_label) for _ in range(200))
    assert set(drawn) == {AEROPLANE, PERSON} and min(drawn.values()) > 70
    sample = dataset[0]['data_samples']
    assert sample.gt_labels.tolist() == [AEROPLANE, PERSON]
    assert dataset.get_cat_ids(0) == [AEROPLANE, PERSON]
    with pytest.raises(ValueError, match="labels='random' is for training"):
        VOC12(split='val', labels='random')
    with pytest.raises(ValueError, match='shots choose images by their class'):
        VOC12(labels='random', shots=1)


@pytest.fixture
def doubled(full):
    """``full`` with every image listed under a second name too, so that no class is emptied by one held-out image."""
    path = full / 'ImageSets/Segmentation/trainaug.txt'
    for stem in [*IMAGES, *(f'2008_{i:06d}' for i in range(len(CLASSES)))]:
        for folder, suffix in (('JPEGImages', 'jpg'), ('Annotations', 'xml')):
            (full / folder / f'{stem}b.{suffix}').symlink_to(full / folder / f'{stem}.{suffix}')
    path.write_text(path.read_text() + path.read_text().replace('.jpg', 'b.jpg'))
    return full


def stems_of(dataset):
    return {info['img_path'] for info in infos_of(dataset)}


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('labels', ['each', 'random', 'one'])
@pytest.mark.parametrize('of_val', ['each', 'one'])
def test_an_image_of_several_classes_is_held_out_as_a_whole(doubled, seed, labels, of_val):
    draw = dict(holdout=1, holdout_seed=seed)
    train = VOC12(labels=labels, **draw)
    val = VOC12(labels=of_val, test_mode=True, held_out=True, **draw)
    assert not stems_of(train) & stems_of(val)
    if of_val == 'each':
        assert {label for info in infos_of(val) for label in info['gt_labels']} == set(range(20))


def test_images_held_out_are_the_same_with_and_without_boxes(doubled):
    """In test mode the samples of difficult objects are dropped, which must not move the draw."""
    for labels in ('each', 'one'):
        draw = dict(labels=labels, holdout=1, held_out=True)
        tested = stems_of(VOC12(test_mode=True, **draw))
        assert tested <= stems_of(VOC12(test_mode=True, with_boxes=False, **draw))
        assert not tested & stems_of(VOC12(labels=labels, holdout=1))


def test_holdout_that_leaves_no_image_of_a_class_is_refused(full):
    with pytest.raises(ValueError, match=r'holdout=1 leaves no image of class bicycle of .*, which has 1'):
        VOC12(holdout=1)


@pytest.mark.parametrize(
    ('arguments', 'images'),
    [
        (dict(), 10_582),
        (dict(split='val'), 1449),
        (dict(split='val', image_set='Main'), 5823),
        (dict(split='val', labels='one'), None),
        (dict(holdout=5), None),
        (dict(indices=100), None),
    ],
)
def test_published_size_is_that_of_what_is_read(arguments, images):
    assert VOC12(lazy_init=True, **arguments).published_images == images


def test_the_mask_of_a_class_is_read_from_the_palette_image(root):
    numbers = np.zeros((10, 20), np.uint8)
    numbers[1:8, 2:19] = AEROPLANE + 1
    numbers[6:9, 1:4] = PERSON + 1
    numbers[0] = 255
    image = Image.fromarray(numbers, 'P')
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
    image.save(root / 'SegmentationClass/2007_000032.png')
    pipeline = [LoadLocImage(), PackLocInputs()]
    dataset = VOC12(split='train', test_mode=True, masks=True, pipeline=pipeline)
    assert len(dataset) == 2
    for i, label in enumerate((AEROPLANE, PERSON)):
        expected = np.where(numbers == 255, 255, numbers == label + 1)
        np.testing.assert_array_equal(dataset[i]['data_samples'].gt_mask.numpy(), expected)
        assert len(dataset[i]['data_samples'].gt_bboxes) == 1
    with pytest.raises(FileNotFoundError, match=r'2 of 2 mask files are missing, first .*2007_000039\.png'):
        VOC12(split='val', masks=True)


def test_errors_name_the_file(root):
    with pytest.raises(
        FileNotFoundError, match=r'no list of VOC12 \(Segmentation, train_aug\) found; looked for'
    ):
        VOC12()
    with pytest.raises(ValueError, match=r"without masks and train_aug, 'Main'"):
        VOC12(split='val', image_set='Main', masks=True)
    with pytest.raises(ValueError, match='labels must be one of'):
        VOC12(split='val', labels='all')
    path = root / 'Annotations/2007_000039.xml'
    text = path.read_text()
    path.write_text(text.replace('tvmonitor', 'television'))
    with pytest.raises(ValueError, match=r"2007_000039\.xml: class 'television' is not among the 20"):
        VOC12(split='val')
    path.write_text('<annotation><size><width>2</width><height>1</height></size></annotation>')
    with pytest.raises(ValueError, match=r'2007_000039\.xml: has no object'):
        VOC12(split='val')
