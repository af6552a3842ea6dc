from __future__ import annotations

import numpy as np
import pytest

from mmwsol.datasets.annotation_files import (
    box_faults,
    check_boxes,
    read_cub,
    read_cub_classes,
    read_image_size,
    read_mask_rows,
    read_wsol_metadata,
)


def test_cub_labels_start_at_zero_and_boxes_are_x_plus_w(cub_root):
    entries = read_cub(str(cub_root))
    assert [e['img_id'] for e in entries] == ['001.A/a1.jpg', '001.A/a2.jpg', '002.B/b1.jpg', '002.B/b2.jpg']
    assert [e['gt_label'] for e in entries] == [0, 0, 1, 1]
    assert [e['is_train'] for e in entries] == [True, False, True, False]
    assert entries[1]['gt_bboxes'].dtype == np.float64
    np.testing.assert_array_equal(
        entries[1]['gt_bboxes'], [[0.1, 0.2, 0.1 + 0.3, 0.2 + 0.4]]
    )  # to the last bit
    assert read_cub_classes(str(cub_root)) == ('001.A', '002.B')


def test_cub_without_boxes_needs_no_box_file(cub_root):
    (cub_root / 'bounding_boxes.txt').unlink()
    assert all('gt_bboxes' not in entry for entry in read_cub(str(cub_root), with_boxes=False))


def test_byte_order_mark_is_no_part_of_the_first_line(cub_root):
    before = read_cub(str(cub_root))
    for path in cub_root.glob('*.txt'):
        path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())
    assert [e['img_path'] for e in read_cub(str(cub_root))] == [e['img_path'] for e in before]


def test_file_that_is_not_utf_8_is_named_with_its_line(cub_root):
    path = cub_root / 'images.txt'
    path.write_bytes('1 001.A/a1.jpg\n2 001.A/\u00e9.jpg\n'.encode('latin-1'))
    with pytest.raises(ValueError, match=r'images\.txt, line 2: not UTF-8 \(.*\); save the file as UTF-8'):
        read_cub(str(cub_root))


@pytest.mark.parametrize(('to_last_pixel', 'empty'), [(False, True), (True, False)])
def test_a_box_to_its_last_pixel_always_has_an_area(to_last_pixel, empty):
    """From 3 to 3 is one pixel wide where the edge is the last pixel."""
    faults = box_faults(np.array([[3.0, 1, 3, 5]]), np.array([[9.0, 9]]), to_last_pixel=to_last_pixel)
    assert {name: bool(found[0]) for name, found in faults.items()} == {
        'inverted': False,
        'empty': empty,
        'outside': False,
        'past': False,
    }


def test_windows_line_ends_read_the_same(cub_root):
    before = read_cub(str(cub_root))
    for path in cub_root.glob('*.txt'):
        path.write_bytes(path.read_bytes().replace(b'\n', b'\r\n'))
    after = read_cub(str(cub_root))
    assert [e['img_path'] for e in after] == [e['img_path'] for e in before]


@pytest.mark.parametrize(
    ('name', 'number', 'text', 'message'),
    [
        ('image_class_labels.txt', 3, '4 3', r'image_class_labels.txt, line 3: .*must lie in 1\.\.2'),
        ('image_class_labels.txt', 3, '5 2', r"image_class_labels.txt: no line for image id '4'"),
        ('image_class_labels.txt', 2, '2 one', r"line 2: must be an id and 1 int .*got '2 one'"),
        ('images.txt', 2, '1 001.A/a2.jpg', r"images.txt, line 2: id '1' appears twice"),
        ('bounding_boxes.txt', 4, '7 5 5 15', r'bounding_boxes.txt, line 4: must be an id and 4 float'),
        ('classes.txt', 2, '3 002.B', r'classes.txt, line 2: class ids must be 1\.\.2 without gaps'),
        ('train_test_split.txt', 1, '1 2', r'train_test_split.txt, line 1: .*must lie in 0\.\.1'),
        ('train_test_split.txt', 2, '', r'train_test_split.txt, line 2: must be'),
    ],
)
def test_cub_errors_name_file_and_line(cub_root, replace_line, name, number, text, message):
    replace_line(cub_root / name, number, text)
    with pytest.raises(ValueError, match=message):
        read_cub(str(cub_root))


def test_missing_annotation_file_is_named(cub_root):
    (cub_root / 'images.txt').unlink()
    with pytest.raises(FileNotFoundError, match=r'images\.txt.*MMWSOL_DATA_ROOT'):
        read_cub(str(cub_root))


def test_metadata_keeps_all_boxes_of_an_image_and_commas_in_ids(metadata_root):
    first, second, third = read_wsol_metadata(str(metadata_root))
    assert (first['img_id'], first['gt_label'], first['size']) == ('val/x,1.png', 1, (20, 10))
    np.testing.assert_array_equal(first['gt_bboxes'], [[0, 1, 5, 9], [2, 2, 19, 9]])
    assert second['gt_bboxes'].shape == (1, 4)
    assert third['gt_bboxes'].shape == (0, 4)


def test_metadata_of_a_training_set_has_neither_boxes_nor_sizes(metadata_root):
    (metadata_root / 'localization.txt').write_text('')
    (metadata_root / 'image_sizes.txt').unlink()
    assert [entry['gt_bboxes'].shape for entry in read_wsol_metadata(str(metadata_root))] == [(0, 4)] * 3


def test_metadata_errors_name_file_and_line(metadata_root, replace_line):
    with pytest.raises(ValueError, match=r"class_labels.txt, line 3: 'val/z.png' has 2.*0\.\.1"):
        read_wsol_metadata(str(metadata_root), num_classes=2)
    replace_line(metadata_root / 'image_ids.txt', 2, 'val/x,1.png')
    with pytest.raises(ValueError, match=r'image_ids.txt, line 2: id .* appears twice'):
        read_wsol_metadata(str(metadata_root))
    replace_line(metadata_root / 'image_ids.txt', 2, 'val/new.png')
    with pytest.raises(ValueError, match=r"class_labels.txt: no line for image id 'val/new.png'"):
        read_wsol_metadata(str(metadata_root))


def test_boxes_slightly_past_the_edge_are_counted_not_refused():
    boxes = [np.array([[0, 0, 100.0, 50.0]]), np.array([[-1.0, 2, 30, 51.5], [1, 1, 2, 2]])]
    assert check_boxes(['a', 'b'], boxes, [(100, 50), (100, 50)], 'here') == 1


@pytest.mark.parametrize(
    'box',
    [[0, 0, 150, 50], [-20, 0, 10, 10], [100, 0, 101, 10], [5, 5, 4, 9], [0, np.nan, 5, 5], [-3, 0, -1, 9]],
)
def test_boxes_far_outside_or_inside_out_are_refused_by_name(box):
    boxes = [np.array([[0.0, 0, 1, 1]]), np.array([box], dtype=np.float64)]
    with pytest.raises(ValueError, match=r'here: 1 of 2 boxes .* first b '):
        check_boxes(['a', 'b'], boxes, [(100, 50), (100, 50)], 'here')


def test_image_size_is_width_height(cub_root):
    assert read_image_size(str(cub_root / 'images/001.A/a1.jpg')) == (20, 10)
    with pytest.raises(ValueError, match=r'classes.txt: not a readable image'):
        read_image_size(str(cub_root / 'classes.txt'))


def test_the_real_birds_are_complete(shared_dir):
    entries = read_cub(str(shared_dir / 'data/CUB_200_2011'))
    assert sum(e['is_train'] for e in entries) == 690
    assert sum(not e['is_train'] for e in entries) == 340
    assert {e['gt_label'] for e in entries} == set(range(23))
    assert all(e['gt_bboxes'].shape == (1, 4) for e in entries)


def test_the_real_imagenet_metadata_are_complete(shared_dir):
    entries = read_wsol_metadata(str(shared_dir / 'data/ILSVRC_val'), num_classes=1000)
    lines = (shared_dir / 'data/ILSVRC_val/localization.txt').read_text().split()
    assert len(entries) == 600
    assert sum(len(e['gt_bboxes']) for e in entries) == len(lines)
    assert entries[0]['gt_bboxes'][0].tolist() == [38, 53, 190, 202]
    assert entries[0]['size'] == (227, 227)


def test_mask_rows_have_one_ignore_file_in_any_of_them(mask_root):
    rows = read_mask_rows(str(mask_root / 'localization.txt'))
    assert rows['test/0.jpg'] == (['test/0_m0.png', 'test/0_m1.png'], 'test/0_ignore.png')
    assert rows['test/2.jpg'] == (['test/2_m0.png'], None)


def test_masks_stand_in_place_of_boxes(mask_root):
    first, *_ = read_wsol_metadata(str(mask_root))
    assert set(first) == {'img_id', 'gt_label', 'mask_paths', 'ignore_path'}
    assert set(read_wsol_metadata(str(mask_root), with_boxes=False)[0]) == {'img_id', 'gt_label'}


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('test/0.jpg,test/0_m1.png,test/1_ignore.png', r'line 2: .* has a second ignore file'),
        ('test/0.jpg,,', r'line 2: .* has no mask file'),
        ('test/0.jpg', r'line 2: must be an id and 2 str value\(s\)'),
        ('test/1.jpg,test/1_m0.png,', None),
    ],
)
def test_broken_mask_row_is_named(mask_root, replace_line, line, message):
    replace_line(mask_root / 'localization.txt', 2, line)
    if message is None:
        assert read_wsol_metadata(str(mask_root))[0]['mask_paths'] == ['test/0_m0.png']
        return
    with pytest.raises(ValueError, match=message):
        read_wsol_metadata(str(mask_root))


def test_image_without_a_mask_row_is_named(mask_root, replace_line):
    replace_line(mask_root / 'localization.txt', 4, 'test/1.jpg,test/1_m0.png,')
    with pytest.raises(ValueError, match=r"localization\.txt: no line for image id 'test/2\.jpg'"):
        read_wsol_metadata(str(mask_root))
