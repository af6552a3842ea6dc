from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from mmwsol.datasets import CUB
from mmwsol.datasets.transforms import CenterCrop, LoadLocImage, PackLocInputs, Resize
from mmwsol.registry import DATASETS

PIPELINE = [LoadLocImage(), Resize((256, 256)), CenterCrop(224), PackLocInputs()]


def test_split_picks_images_and_keeps_their_labels(cub_root):
    train, test = CUB(split='train'), CUB(split='test')
    assert [train.get_data_info(i)['img_id'] for i in range(2)] == ['001.A/a1.jpg', '002.B/b1.jpg']
    assert [test.get_data_info(i)['gt_label'] for i in range(2)] == [0, 1]
    assert train.num_classes == test.num_classes == 2


def test_training_sample_has_neither_box_nor_mask(cub_root):
    (cub_root / 'bounding_boxes.txt').unlink()  # the reader does not even open it
    sample = CUB(split='train', pipeline=PIPELINE)[0]['data_samples']
    assert set(sample.keys()) == {'gt_label'}
    assert 'ori_bboxes' not in sample.metainfo


def test_test_sample_has_the_published_box_and_the_moved_one(cub_root):
    sample = CUB(split='test', pipeline=PIPELINE)[1]['data_samples']
    np.testing.assert_array_equal(sample.ori_bboxes, [[5, 5, 20.5, 10]])  # half a pixel past the edge: kept
    expected = [5 * 256 / 20 - 16, 5 * 25.6 - 16, 20.5 * 12.8 - 16, 10 * 25.6 - 16]
    np.testing.assert_allclose(sample.gt_bboxes.numpy(), [expected], rtol=1e-6)


def test_training_images_can_be_scored_on_request(cub_root):
    assert 'gt_bboxes' in CUB(split='train', test_mode=True).get_data_info(0)


@pytest.fixture
def segmentations(cub_root, image_writer):
    for name in ('001.A/a2', '002.B/b2'):
        votes = np.zeros((10, 20), np.uint8)
        votes[:, :7], votes[:, 7] = 204, 102
        (cub_root / 'segmentations' / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(votes).save(cub_root / 'segmentations' / f'{name}.png')
    return 'CUB_200_2011/segmentations'


def test_segmentations_give_masks_of_the_test_images(segmentations):
    mask = CUB(split='test', mask_root=segmentations, pipeline=PIPELINE)[0]['data_samples'].gt_mask
    assert mask.shape == (224, 224) and set(mask.unique().tolist()) == {0, 1}
    np.testing.assert_array_equal(mask.sum(1), round(7 * 256 / 20) - 16)


def test_training_needs_no_segmentation(segmentations):
    assert 'mask_votes' not in CUB(split='train', mask_root=segmentations).get_data_info(0)


def test_missing_segmentation_is_named(segmentations, cub_root):
    (cub_root / segmentations.split('/')[1] / '002.B/b2.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'b2\.png'):
        CUB(split='test', mask_root=segmentations)


def test_cubv2_has_no_segmentations(cubv2):
    with pytest.raises(ValueError, match=r"no mask_root with 'val'"):
        CUB(split='val', mask_root='segmentations')


def test_unknown_split_is_refused(cub_root):
    with pytest.raises(ValueError, match=r"one of \['train', 'val', 'test'\], got 'dev'"):
        CUB(split='dev')


@pytest.fixture
def cubv2(cub_root, image_writer):
    """wsolevaluation's metadata of CUBV2: three images of the two classes, with numbers for names."""
    ids = ['001.A/1.jpg', '001.A/2.jpg', '002.B/3.jpeg']
    for name in ids:
        image_writer(cub_root.parent / 'CUBV2' / name)
    folder = cub_root.parent / 'metadata/CUB/val'
    folder.mkdir(parents=True)
    (folder / 'image_ids.txt').write_text('\n'.join(ids))
    (folder / 'class_labels.txt').write_text('001.A/1.jpg,0\n001.A/2.jpg,0\n002.B/3.jpeg,1\n')
    (folder / 'image_sizes.txt').write_text(''.join(f'{name},20,10\n' for name in ids))
    (folder / 'localization.txt').write_text(
        ''.join(f'{name},2,3,{10 + i},9\n' for i, name in enumerate(ids))
    )
    return cub_root.parent / 'CUBV2'


@pytest.mark.parametrize('place', ['CUBV2', 'CUB_200_2011', 'CUB_200_2011/images', 'elsewhere'])
def test_val_is_cubv2_wherever_its_images_lie(cubv2, place):
    target = cubv2.parent / place
    if target != cubv2:
        for path in sorted(cubv2.rglob('*.jp*g')):
            (target / path.parent.name).mkdir(parents=True, exist_ok=True)
            path.rename(target / path.parent.name / path.name)
    dataset = CUB(split='val', val_root='elsewhere' if place == 'elsewhere' else None)
    assert dataset.metainfo['classes'] == ('001.A', '002.B')
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['gt_bboxes'].tolist() for info in infos] == [[[2, 3, 10 + i, 9]] for i in range(3)]
    assert infos[2]['img_path'] == str(target / '002.B/3.jpeg')


@pytest.mark.parametrize('place', ['', 'images'])
def test_layout_of_wsolevaluation_gives_the_same_splits(cub_root, data_root, place):
    expected = {}
    for split in ('train', 'test'):
        dataset = CUB(split=split, test_mode=True)
        expected[split] = [dataset.get_data_info(i) for i in range(len(dataset))]
        folder = data_root / 'metadata/CUB' / split
        folder.mkdir(parents=True)
        rows = [
            (info['img_id'], info['gt_label'], *map(float, info['gt_bboxes'][0])) for info in expected[split]
        ]
        (folder / 'image_ids.txt').write_text('\n'.join(row[0] for row in rows))
        (folder / 'class_labels.txt').write_text(''.join(f'{row[0]},{row[1]}\n' for row in rows))
        lines = [','.join(map(str, (row[0], *row[2:]))) for row in rows]
        (folder / 'localization.txt').write_text('\n'.join(lines))
    (cub_root / 'images').rename(data_root / 'images')
    for path in cub_root.iterdir():
        path.unlink()
    cub_root.rmdir()
    root = data_root / 'CUB'
    (root / place).parent.mkdir(exist_ok=True)
    (data_root / 'images').rename(root / place)
    for split, infos in expected.items():
        dataset = CUB('CUB', split=split, test_mode=True)
        for i, info in enumerate(infos):
            found = dataset.get_data_info(i)
            assert (found['img_id'], found['gt_label']) == (info['img_id'], info['gt_label'])
            np.testing.assert_array_equal(found['gt_bboxes'], info['gt_bboxes'])
            assert found['img_path'] == str(root / place / info['img_id'])
    assert 'gt_bboxes' not in CUB('CUB', metainfo={'classes': ('001.A', '002.B')}).get_data_info(0)


def test_val_needs_no_other_part_of_the_data_set(cubv2):
    (cubv2.parent / 'CUB_200_2011').rename(cubv2.parent / 'away')
    names = CUB(split='val').metainfo['classes']
    assert len(names) == 200 and names[:3] == ('001.A', '002.B', '2')


@pytest.fixture
def split_folders(data_root, image_writer):
    """BAS's and SAT's layout: the lists end in CR LF, height stands before width, a box may leave its image."""
    root = data_root / 'CUB'
    for name in ('train/001.A/a.jpg', 'train/002.B/b.jpg', 'test/001.A/c.jpg', 'test/002.B/d.jpg'):
        image_writer(root / name)
    (root / 'test_list.txt').write_bytes(b'002.B/d.jpg;1\r\n001.A/c.jpg;0\r\n')
    (root / 'test_bounding_box.txt').write_bytes(b'1.0 2.0 21.0 9.0 10 20\r\n3.5 1.0 7.5 4.0 10 20\r\n')
    return root


def test_split_folders_join_their_box_lists_by_line(split_folders):
    assert [CUB('CUB').get_data_info(i)['gt_label'] for i in range(2)] == [0, 1]
    test = CUB('CUB', split='test')
    infos = [test.get_data_info(i) for i in range(2)]
    assert [info['img_id'] for info in infos] == ['001.A/c.jpg', '002.B/d.jpg']
    assert [info['gt_bboxes'].tolist() for info in infos] == [[[3.5, 1, 7.5, 4]], [[1, 2, 21, 9]]]
    assert test.metainfo['classes'] == ('001.A', '002.B')


def test_folders_of_ones_own_beside_the_original_layout_do_not_matter(cub_root, image_writer):
    """With other images in them, and in another split, than those of the lists."""
    for name in ('train/002.B/b2.jpg', 'test/002.B/b1.jpg'):
        image_writer(cub_root / name)
    assert ids(CUB(split='train')) == ['001.A/a1.jpg', '002.B/b1.jpg']
    assert ids(CUB(split='test')) == ['001.A/a2.jpg', '002.B/b2.jpg']


def test_split_folders_must_fit_their_lists(split_folders):
    boxes = split_folders / 'test_bounding_box.txt'
    text = boxes.read_text()
    boxes.write_text(text.split('\n')[0])
    with pytest.raises(ValueError, match=r'has 2 lines and .* 1; they belong together'):
        CUB('CUB', split='test')
    boxes.write_text(text.replace('7.5 4.0', '7.5'))
    with pytest.raises(ValueError, match=r'test_bounding_box\.txt, line 2: must be x0 y0 x1 y1'):
        CUB('CUB', split='test')
    boxes.write_text(text)
    (split_folders / 'test/002.B/d.jpg').unlink()
    with pytest.raises(
        FileNotFoundError, match=r"1 images of test_list.txt are not in test/, first \['002.B/d.jpg'\]"
    ):
        CUB('CUB', split='test')
    (split_folders / 'test/002.B').rmdir()
    with pytest.raises(
        ValueError, match=r"must have the same class folders; only in one of them: \['002.B'\]"
    ):
        CUB('CUB', split='test')


def ids(dataset):
    return [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]


@pytest.fixture
def many_birds(cub_root, image_writer):
    """Twenty images of each of two classes: 0..11 of a class train, 12..19 test; box i is (i, 0, i + 1, 1)."""
    images = [(f'{c}.X/{i}.jpg', c, i) for c in (1, 2) for i in range(20)]
    for name, c, i in images:
        image_writer(cub_root / 'images' / name, seed=20 * c + i)
    rows = {
        'images.txt': [name for name, _, _ in images],
        'image_class_labels.txt': [c for _, c, _ in images],
        'train_test_split.txt': [int(i < 12) for _, _, i in images],
        'bounding_boxes.txt': [f'{i}.0 0.0 1.0 1.0' for _, _, i in images],
    }
    for file, values in rows.items():
        (cub_root / file).write_text('\n'.join(f'{n} {value}' for n, value in enumerate(values, 1)))
    return cub_root


def test_held_out_split_is_what_training_leaves(many_birds):
    train, val = CUB(holdout=3), CUB(held_out=True, holdout=3, test_mode=True)
    assert (len(train), len(val)) == (18, 6) and [i[0] for i in ids(val)] == ['1'] * 3 + ['2'] * 3
    assert sorted(ids(train) + ids(val)) == sorted(ids(CUB(split='train')))
    assert 'gt_bboxes' in val.get_data_info(0) and 'gt_bboxes' not in train.get_data_info(0)
    assert (train.metainfo['split'], val.metainfo['split']) == ('train', 'val')
    assert (
        ids(CUB(held_out=True, holdout=3, holdout_seed=1)) != ids(val) == ids(CUB(held_out=True, holdout=3))
    )


def test_held_out_split_needs_no_row_of_a_test_box(many_birds):
    file = many_birds / 'bounding_boxes.txt'
    rows = file.read_text().splitlines()
    before = CUB(held_out=True, holdout=3, test_mode=True)
    file.write_text('\n'.join(row for row in rows if float(row.split()[1]) < 12))
    after = CUB(held_out=True, holdout=3, test_mode=True)
    for i in range(6):
        np.testing.assert_array_equal(
            before.get_data_info(i)['gt_bboxes'], after.get_data_info(i)['gt_bboxes']
        )
    with pytest.raises(ValueError, match=r'bounding_boxes\.txt: no line for image id'):
        CUB(split='test')


def test_held_out_split_without_boxes_opens_no_box_file(many_birds):
    (many_birds / 'bounding_boxes.txt').unlink()
    val = CUB(held_out=True, holdout=3, test_mode=True, with_boxes=False)
    assert val.get_data_info(0)['test_mode'] and 'gt_bboxes' not in val.get_data_info(0)


def test_it_is_found_by_its_plain_name(cub_root):
    assert isinstance(DATASETS.build({'type': 'CUB', 'split': 'test'}), CUB)


def test_real_birds_load(shared_dir, monkeypatch):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(shared_dir / 'data'))
    train, test = CUB(split='train', pipeline=PIPELINE), CUB(split='test', pipeline=PIPELINE)
    assert (len(train), len(test), train.num_classes) == (690, 340, 23)
    assert set(train[0]['data_samples'].keys()) == {'gt_label'}
    batch = test[339]
    assert batch['inputs'].shape == (3, 224, 224)
    assert os.path.basename(batch['data_samples'].img_path) in batch['data_samples'].img_id
