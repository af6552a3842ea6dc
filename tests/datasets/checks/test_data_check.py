from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from mmwsol.datasets import WSOLDataset
from mmwsol.datasets.checks import FAULT_KINDS, PublishedSize, SplitSource, check_splits
from mmwsol.datasets.voc12 import CLASSES
from mmwsol.registry import DATASETS

TRAIN = SplitSource('train', dict(type='CUB', data_root='birds', split='train'), is_train=True)
TEST = SplitSource('test', dict(type='CUB', data_root='birds', split='test'))


def check(*sources, **kwargs):
    return check_splits('birds', sources or (TRAIN, TEST), **kwargs)


def found(result):
    return [(fault.kind, fault.split, fault.path, fault.detail) for fault in result.faults]


def assert_one(result, kind, split, path, words):
    ((found_kind, found_split, found_path, detail),) = found(result)
    assert (found_kind, found_split, found_path) == (kind, split, str(path))
    assert words in detail
    assert kind in FAULT_KINDS


def test_clean_tree_passes_and_is_counted(birds):
    result = check()
    assert found(result) == [] and result.notes == []
    assert result.to_dict()['ok'] is True
    assert [row['images'] for row in result.splits] == [4, 4]
    assert result.splits[1] | {'root': ''} == {
        'split': 'test',
        'root': '',
        'images': 4,
        'published': None,
        'classes': 2,
        'per_class': [2, 2],
        'boxes': 4,
        'masks': 0,
    }


def image(root, name):
    return root / 'images' / name


def test_missing_image(birds):
    image(birds, '001.A/2.jpg').unlink()
    assert_one(check(), 'missing_file', 'test', image(birds, '001.A/2.jpg'), 'not there')


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (lambda whole: whole[: len(whole) // 2], 'truncated'),
        (lambda _: b'<html>not found</html>', 'not an image'),
        (lambda _: b'', 'empty file'),
    ],
)
def test_broken_image(birds, content, words):
    path = image(birds, '002.B/0.jpg')
    path.write_bytes(content(path.read_bytes()))
    assert_one(check(), 'broken_file', 'train', path, words)


def test_all_faults_are_found_at_once(birds, replace_line):
    image(birds, '001.A/0.jpg').unlink()
    image(birds, '001.A/2.jpg').write_text('x')
    replace_line(birds / 'bounding_boxes.txt', 8, '8 10.0 20.0 0.0 50.0')
    assert [(fault.kind, fault.split) for fault in check().faults] == [
        ('missing_file', 'train'),
        ('broken_file', 'test'),
        ('box_empty', 'test'),
    ]


@pytest.mark.parametrize(
    ('box', 'kind', 'words'),
    [
        ('10.0 20.0 130.0 50.0', 'box_outside', 'box [10.0, 20.0, 140.0, 70.0]'),
        ('-13.0 20.0 60.0 50.0', 'box_outside', 'leaves the image of 120 x 90'),
        ('10.0 90.0 1.0 1.0', 'box_outside', 'leaves the image'),
        ('10.0 20.0 -4.0 50.0', 'box_inverted', 'inside out'),
        ('nan 20.0 4.0 50.0', 'box_inverted', 'not finite'),
        ('10.0 20.0 60.0 0.0', 'box_empty', 'no area'),
    ],
)
def test_bad_box(birds, replace_line, box, kind, words):
    replace_line(birds / 'bounding_boxes.txt', 3, f'3 {box}')
    assert_one(check(), kind, 'test', image(birds, '001.A/2.jpg'), words)


def test_box_slightly_past_the_edge_is_a_note_as_in_the_official_files(birds, replace_line):
    replace_line(birds / 'bounding_boxes.txt', 3, '3 10.0 20.0 118.0 50.0')
    result = check()
    assert found(result) == []
    assert result.notes == [('test', '1 boxes reach slightly past their image and are used as published')]


def test_boxes_are_compared_with_the_file_not_with_the_stated_size(birds, scene):
    scene(0, 60, 45).save(image(birds, '001.A/0.jpg'))
    result = check(TRAIN)
    assert [fault.kind for fault in result.faults] == ['size_mismatch', 'box_outside']
    assert result.faults[0].detail == 'stated 120 x 90, has 60 x 45 (width x height)'


def test_unreadable_annotation_names_the_file_and_the_other_split_is_still_checked(birds, replace_line):
    replace_line(birds / 'bounding_boxes.txt', 2, '2 what')
    image(birds, '001.A/0.jpg').unlink()
    result = check()
    assert [(fault.kind, fault.split) for fault in result.faults] == [
        ('annotation', 'test'),
        ('missing_file', 'train'),
    ]
    assert result.faults[0].path == str(birds / 'bounding_boxes.txt')
    assert 'line 2' in result.faults[0].detail
    assert 'boxes of the training images were not read' in result.notes[0][1]


def test_label_out_of_range_in_a_file(birds, replace_line):
    replace_line(birds / 'image_class_labels.txt', 4, '4 3')
    first, second = check().faults
    assert (first.kind, first.path) == ('annotation', str(birds / 'image_class_labels.txt'))
    assert 'must lie in 1..2' in first.detail and (first.split, second.split) == ('test', 'train')


def test_label_out_of_range_of_a_reader_that_does_not_look(birds):
    @DATASETS.register_module(name='Careless', force=True)
    class Careless(WSOLDataset):
        def read_entries(self):
            path = image(birds, '001.A/0.jpg')
            return [dict(img_id='0', img_path=str(path), gt_label=2)], ('A', 'B')

    result = check(SplitSource('val', dict(type='Careless')))
    assert_one(result, 'label_range', 'val', image(birds, '001.A/0.jpg'), 'label 2 must lie in 0..1')


def test_class_without_training_images(birds, replace_line):
    for line in (5, 6):
        replace_line(birds / 'train_test_split.txt', line, f'{line} 0')
    assert_one(check(), 'class_gap', 'train', birds, 'class 002.B has no image')


def test_class_without_test_images_is_a_note(birds, replace_line):
    for line in (7, 8):
        replace_line(birds / 'train_test_split.txt', line, f'{line} 1')
    result = check()
    assert found(result) == []
    assert result.notes == [('test', '1 of 2 classes have no image here')]


def test_image_listed_twice(birds, replace_line):
    replace_line(birds / 'images.txt', 2, '2 001.A/0.jpg')
    assert_one(check(), 'duplicate_entry', 'train', image(birds, '001.A/0.jpg'), 'listed 2 times')


def test_id_listed_twice(birds):
    with (birds / 'images.txt').open('a') as file:
        file.write('8 002.B/3.jpg\n')
    assert {fault.path for fault in check().faults} == {str(birds / 'images.txt')}


@pytest.mark.parametrize(
    ('target', 'kind', 'split'),
    [
        ('001.A/1.jpg', 'duplicate_image', 'train'),
        ('002.B/1.jpg', 'label_conflict', 'train'),
        ('001.A/3.jpg', 'leak', 'test'),
    ],
)
def test_copied_file(birds, target, kind, split):
    shutil.copy(image(birds, '001.A/0.jpg'), image(birds, target))
    result = check()
    words = f'same content as {image(birds, "001.A/0.jpg")}'
    assert_one(result, kind, split, image(birds, target), words)


def test_one_file_in_two_splits(birds):
    result = check(TRAIN, SplitSource('val', TRAIN.dataset))
    assert [(fault.kind, fault.split, fault.detail) for fault in result.faults] == [
        ('leak', 'val', 'also listed in train')
    ] * 4


@pytest.mark.parametrize(
    'change',
    [
        lambda picture: picture.resize((90, 67)).resize((120, 90)),
        lambda picture: picture.point(lambda v: int(0.8 * v + 20)),
        lambda picture: picture.crop((2, 1, 119, 89)).resize((120, 90)),
    ],
    ids=['resampled', 'darker', 'cropped'],
)
def test_same_picture_in_another_file_leaks(birds, change):
    picture = change(Image.open(image(birds, '001.A/0.jpg')).convert('RGB'))
    picture.save(image(birds, '002.B/3.jpg'), quality=50)
    result = check()
    assert_one(result, 'near_leak', 'test', image(birds, '002.B/3.jpg'), str(image(birds, '001.A/0.jpg')))
    assert found(check(near=False)) == []


def test_other_classes_in_another_split(data_root, scene):
    for seed, name in enumerate(('train/cat/0', 'train/dog/0', 'test/cat/0', 'test/fox/0')):
        (data_root / name).parent.mkdir(parents=True)
        scene(seed).save(data_root / f'{name}.png')
    splits = [SplitSource(n, dict(type='ImageFolder', data_root=n), n == 'train') for n in ('train', 'test')]
    assert_one(check(*splits), 'class_names', 'test', data_root / 'test', "class 1 is 'fox', in train 'dog'")


def test_split_of_another_size_than_published(birds):
    published = PublishedSize(5, classes=2, per_class=(2, 3), boxes=4)
    result = check(SplitSource('test', TEST.dataset, published=published))
    words = '4 images (published 5), 2-2 images of a class (published 2-3)'
    assert_one(result, 'split_size', 'test', birds, words)
    assert found(check(SplitSource('test', TEST.dataset, published=PublishedSize(4, 2, (2, 2), 4)))) == []


def test_boxes_that_are_not_read_are_not_compared_with_the_published_number(birds):
    size = PublishedSize(4, 2, (2, 2), 4)
    (birds / 'bounding_boxes.txt').unlink()
    assert found(check(SplitSource('train', TRAIN.dataset, is_train=True, published=size))) == []
    without = {**TEST.dataset, 'with_boxes': False}
    assert found(check(SplitSource('test', without, published=size))) == []
    other = SplitSource('test', without, published=PublishedSize(3, 2, (2, 2), 4))
    assert_one(check(other), 'split_size', 'test', birds, '4 images (published 3)')


def test_complete_tree_without_training_boxes_passes(birds):
    """BAS and SAT have boxes of the test images alone."""
    for split, numbers in (('train', '01'), ('test', '23')):
        for name in (f'{folder}/{i}.jpg' for folder in ('001.A', '002.B') for i in numbers):
            (birds / split / name).parent.mkdir(parents=True, exist_ok=True)
            image(birds, name).rename(birds / split / name)
    for path in birds.glob('*.txt'):
        path.unlink()
    names = [f'{folder}/{i}.jpg' for folder in ('001.A', '002.B') for i in '23']
    (birds / 'test_list.txt').write_text(''.join(f'{name};0\n' for name in names))
    (birds / 'test_bounding_box.txt').write_text('10 20 70 70 90 120\n' * 4)
    sizes = PublishedSize(4, 2, (2, 2), 4)
    result = check(
        SplitSource('train', TRAIN.dataset, is_train=True, published=sizes),
        SplitSource('test', TEST.dataset, published=sizes),
    )
    assert found(result) == []
    assert [row['boxes'] for row in result.splits] == [0, 4]


@pytest.fixture
def shapes(data_root):
    """Two drawn 32x32 pictures with masks, and the config that reads them."""
    config = dict(type='ToyShapes', split='test', num_classes=2, images_per_class=1, image_size=32)
    assert found(check(SplitSource('test', config))) == []
    return config, next((data_root / 'toy_shapes').glob('test-*')) / 'masks'


def test_mask_of_another_size_than_its_image(shapes):
    config, folder = shapes
    Image.new('L', (32, 16)).save(folder / '00_0000.png')
    result = check(SplitSource('test', config))
    assert_one(result, 'mask_size', 'test', folder / '00_0000.png', '32 x 16, its image')


def test_mask_with_other_values(shapes):
    config, folder = shapes
    Image.fromarray(np.full((32, 32), 7, np.uint8)).save(folder / '01_0000.png')
    assert_one(check(SplitSource('test', config)), 'mask_values', 'test', folder / '01_0000.png', 'holds [7]')


def test_missing_and_broken_masks(shapes):
    config, folder = shapes
    (folder / '00_0000.png').unlink()
    (folder / '01_0000.png').write_text('x')
    kinds = [(f.kind, f.path) for f in check(SplitSource('test', config)).faults]
    assert kinds == [
        ('missing_file', str(folder / '00_0000.png')),
        ('broken_file', str(folder / '01_0000.png')),
    ]


def test_instance_masks_may_be_scaled_but_not_of_another_shape(mask_root):
    result = check(SplitSource('test', dict(type='WSOLMetadata', ann_dir='masks')))
    assert_one(result, 'mask_size', 'test', mask_root / 'test/0_m1.png', '30 x 30, its image')
    assert (
        'test',
        '2 instance masks have another size than their image and are resized with it',
    ) in result.notes


def test_exif_orientation_is_a_note(birds):
    path = image(birds, '001.A/0.jpg')
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path, exif=exif)
    assert check().notes[0][1].startswith('1 images have an EXIF orientation, which is ignored')


def test_ignored_kinds_are_counted_only(birds):
    image(birds, '001.A/2.jpg').unlink()
    result = check(ignore=['missing_file'])
    assert found(result) == [] and result.ignored == {'missing_file': 1}
    with pytest.raises(ValueError, match="no kind of fault 'missing'; kinds are annotation"):
        check(ignore=['missing'])


def test_no_thread_is_an_error(birds):
    with pytest.raises(ValueError, match='workers must be at least 1, got 0'):
        check(workers=0)


def test_few_shot_options_of_a_config_do_not_matter(birds):
    assert found(check(SplitSource('train', {**TRAIN.dataset, 'shots': 1}, is_train=True))) == []


def test_images_held_out_for_validation_are_no_leak(birds):
    draw = {**TRAIN.dataset, 'holdout': 1}
    result = check(
        SplitSource('train', draw, is_train=True), SplitSource('val', {**draw, 'held_out': True}), TEST
    )
    assert found(result) == []
    assert [row['images'] for row in result.splits] == [2, 2, 4]


def test_images_held_out_but_not_left_out_of_training_are_a_leak(birds):
    result = check(TRAIN, SplitSource('val', {**TRAIN.dataset, 'holdout': 1, 'held_out': True}))
    assert [(fault.kind, fault.split) for fault in result.faults] == [('leak', 'val')] * 2


@pytest.mark.parametrize(('indices', 'images'), [(3, 3), (-1, 1), ([0, 2], 2)])
def test_only_the_chosen_indices_are_checked(birds, indices, images):
    result = check(SplitSource('test', {**TEST.dataset, 'indices': indices}))
    assert result.splits[0]['images'] == images


def test_disjoint_indices_of_one_list_are_no_leak(birds):
    halves = [SplitSource(f'{i}', {**TEST.dataset, 'indices': i}) for i in (2, -2)]
    assert found(check(*halves)) == []


def test_indices_beyond_the_list_are_a_fault(birds):
    ((kind, split, _, detail),) = found(check(SplitSource('test', {**TEST.dataset, 'indices': [9]})))
    assert (kind, split) == ('annotation', 'test')
    assert 'indices' in detail


def test_number_of_threads_does_not_change_the_result(birds):
    image(birds, '001.A/2.jpg').unlink()
    shutil.copy(image(birds, '001.A/0.jpg'), image(birds, '002.B/3.jpg'))
    assert found(check(workers=1)) == found(check(workers=4)) != []


@pytest.fixture
def voc(data_root, scene):
    """Three training images of the 20 classes of VOC in turn, one of them with two; and two validation images."""
    root = data_root / 'VOCdevkit/VOC2012'
    shown = {'train': [CLASSES[:10], CLASSES[10:], CLASSES[3:5]], 'val': [CLASSES[3:4], CLASSES[3:5]]}
    for folder in ('JPEGImages', 'Annotations', 'ImageSets/Segmentation', 'SegmentationClass'):
        (root / folder).mkdir(parents=True)
    places = [(split, i) for split, images in shown.items() for i in range(len(images))]
    for seed, (split, i) in enumerate(places):
        difficult = int(split == 'val' and i == 0)
        objects = ''.join(
            f'<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>2</xmin><ymin>3</ymin>'
            '<xmax>20</xmax><ymax>25</ymax></bndbox></object>'
            for name in shown[split][i]
        )
        size = '<size><width>120</width><height>90</height></size>'
        (root / f'Annotations/{split}{i}.xml').write_text(f'<annotation>{size}{objects}</annotation>')
        scene(seed).save(root / f'JPEGImages/{split}{i}.jpg')
        numbers = Image.fromarray(np.full((90, 120), 4, np.uint8)).convert('P')
        numbers.putpalette([0, 0, 0] * 4 + [200, 100, 50] * 252)
        numbers.save(root / f'SegmentationClass/{split}{i}.png')
        with (root / f'ImageSets/Segmentation/{split}.txt').open('a') as file:
            file.write(f'{split}{i}\n')
    return root


def voc_splits(**kwargs):
    sizes = {'train': PublishedSize(3, 20, (1, 2)), 'val': PublishedSize(2, 20)}
    return [
        SplitSource(name, dict(type='VOC12', split=name, **kwargs), name == 'train', size)
        for name, size in sizes.items()
    ]


def test_images_of_several_classes_are_counted_once_also_those_without_a_true_box(voc):
    result = check(*voc_splits())
    assert found(result) == []
    assert [row['images'] for row in result.splits] == [3, 2]
    assert [row['boxes'] for row in result.splits] == [22, 2]


def test_a_fault_of_an_image_with_several_classes_is_reported_once(voc, scene):
    scene(9, 60, 45).save(voc / 'JPEGImages/train0.jpg')
    result = check(*voc_splits())
    assert [fault.kind for fault in result.faults] == ['size_mismatch']


def test_image_with_several_classes_listed_twice(voc):
    with (voc / 'ImageSets/Segmentation/train.txt').open('a') as file:
        file.write('train0\n')
    kinds = {(fault.kind, fault.path) for fault in check(*voc_splits()).faults}
    assert ('duplicate_entry', str(voc / 'JPEGImages/train0.jpg')) in kinds


def test_images_of_several_classes_held_out_are_no_leak(voc, scene):
    """The training list twice: the other half are other pictures with the same objects."""
    stems = ('train0', 'train1', 'train2')
    with (voc / 'ImageSets/Segmentation/train.txt').open('a') as file:
        file.writelines(f'{stem}b\n' for stem in stems)
    for seed, stem in enumerate(stems, start=10):
        shutil.copy(voc / f'Annotations/{stem}.xml', voc / f'Annotations/{stem}b.xml')
        scene(seed).save(voc / f'JPEGImages/{stem}b.jpg')
    draw = dict(type='VOC12', split='train', holdout=1)
    result = check(
        SplitSource('train', dict(draw, labels='random'), is_train=True),
        SplitSource('val', dict(draw, labels='each', held_out=True)),
    )
    assert found(result) == []
    assert sum(row['images'] for row in result.splits) == 6


def test_box_of_one_pixel_is_no_fault_where_the_edge_is_the_last_pixel(voc):
    path = voc / 'Annotations/val1.xml'
    path.write_text(path.read_text().replace('<xmax>20</xmax>', '<xmax>2</xmax>'))
    assert found(check(*voc_splits())) == []


def test_class_masks_hold_class_numbers(voc):
    assert found(check(*voc_splits(masks=True))) == []
    numbers = Image.fromarray(np.full((90, 120), 21, np.uint8)).convert('P')
    numbers.save(voc / 'SegmentationClass/val1.png')
    result = check(*voc_splits(masks=True))
    assert_one(result, 'mask_values', 'val', voc / 'SegmentationClass/val1.png', 'holds [21]')
