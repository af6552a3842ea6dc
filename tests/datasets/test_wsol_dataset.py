from __future__ import annotations

import logging
import pickle

import numpy as np
import pytest
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from mmwsol.datasets import WSOLDataset
from mmwsol.datasets.transforms import LoadLocImage, PackLocInputs, UnreadableImageError


class Listed(WSOLDataset):
    """Ten images on disk, two classes; ``entries`` can be changed before the build."""

    def __init__(self, folder, change=None, classes=('a', 'b'), **kwargs):
        self.folder, self.change, self.names = folder, change, classes
        super().__init__(data_root=str(folder), pipeline=[LoadLocImage(), PackLocInputs()], **kwargs)

    def read_entries(self):
        box = np.array([[1.0, 2, 3, 4]])
        entries = [
            {'img_id': str(i), 'img_path': str(self.folder / f'{i}.png'), 'gt_label': i % 2, 'gt_bboxes': box}
            for i in range(10)
        ]
        if self.change is not None:
            self.change(entries)
        return entries, self.names


@pytest.fixture
def folder(tmp_path, image_writer):
    for i in range(10):
        image_writer(tmp_path / f'{i}.png', seed=i)
    return tmp_path


def break_images(folder, numbers):
    for i in numbers:
        path = folder / f'{i}.png'
        path.write_bytes(path.read_bytes()[:200])


def test_training_samples_lose_boxes_even_if_a_reader_leaves_them(folder):
    info = Listed(folder).get_data_info(0)
    assert set(info) == {'img_id', 'img_path', 'gt_label', 'sample_idx', 'test_mode'}
    assert 'gt_bboxes' in Listed(folder, test_mode=True).get_data_info(0)


def test_sample_idx_counts_within_the_chosen_indices(folder):
    dataset = Listed(folder, indices=[7, 3])
    assert [dataset[i]['data_samples'].sample_idx for i in range(2)] == [0, 1]
    assert [dataset[i]['data_samples'].img_id for i in range(2)] == ['7', '3']
    assert len(Listed(folder, indices=4)) == 4


def test_class_count_comes_with_the_names(folder):
    dataset = Listed(folder, lazy_init=True)
    assert dataset.num_classes == 2
    assert dataset.metainfo['classes'] == ('a', 'b')
    assert dataset.get_cat_ids(3) == [1]


def test_missing_images_are_counted_and_named(folder):
    (folder / '3.png').unlink()
    (folder / '5.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'2 of 10 image files are missing, first .*3\.png'):
        Listed(folder)


def test_missing_folder_is_the_same_error(folder):
    def change(entries):
        entries[0]['img_path'] = str(folder / 'nowhere' / '0.png')

    with pytest.raises(FileNotFoundError, match=r'1 of 10 image files are missing'):
        Listed(folder, change)


def test_label_out_of_range_is_named(folder):
    def change(entries):
        entries[4]['gt_label'] = 2

    with pytest.raises(ValueError, match=r'must lie in \[0, 2\).*got 2 for 4'):
        Listed(folder, change)


def test_class_without_training_images_is_named_but_allowed_at_test(folder):
    with pytest.raises(ValueError, match=r'1 of 3 in .* have none: c'):
        Listed(folder, classes=('a', 'b', 'c'))
    assert Listed(folder, classes=('a', 'b', 'c'), test_mode=True).num_classes == 3


def test_box_outside_its_image_is_an_error_at_start(folder):
    def change(entries):
        entries[6]['gt_bboxes'] = np.array([[1.0, 2, 50, 4]])

    with pytest.raises(ValueError, match=r'first 6 with box .*\(20, 10\)'):
        Listed(folder, change, test_mode=True)


def test_empty_data_set_is_an_error(folder):
    with pytest.raises(ValueError, match='found no images'):
        Listed(folder, lambda entries: entries.clear())


def test_broken_image_is_replaced_counted_and_logged_in_training(folder, monkeypatch):
    break_images(folder, [3])
    dataset = Listed(folder)
    messages = []
    monkeypatch.setattr(
        MMLogger.get_current_instance(), 'log', lambda level, msg: messages.append((level, msg))
    )
    sample = dataset[3]['data_samples']
    assert sample.img_id != '3'
    assert dataset.num_skipped >= 1
    assert messages[0][0] == logging.WARNING
    assert '3.png' in messages[0][1]


def test_broken_image_is_an_error_that_names_it_at_test(folder):
    break_images(folder, [3])
    with pytest.raises(UnreadableImageError, match=r'3\.png: cannot be decoded'):
        Listed(folder, test_mode=True)[3]


def test_too_many_broken_images_end_the_training(folder):
    break_images(folder, range(10))
    dataset = Listed(folder)
    with pytest.raises(ValueError, match=r'9 of 9 training images read are broken, more than 5%'):
        dataset[0]


def test_skips_in_workers_are_seen_by_the_main_process(folder):
    break_images(folder, [3])
    dataset = Listed(folder)
    list(DataLoader(dataset, batch_size=None, num_workers=2))
    assert dataset.num_skipped >= 1


def test_vanished_file_counts_as_broken(folder):
    dataset = Listed(folder)
    (folder / '3.png').unlink()
    assert dataset[3]['data_samples'].img_id != '3'


def test_data_set_survives_pickling(folder):
    assert pickle.loads(pickle.dumps(Listed(folder)))[2]['data_samples'].img_id == '2'


def test_few_shots_are_drawn_class_by_class_and_with_their_seed(folder):
    def drawn(**kwargs):
        dataset = Listed(folder, shots=2, **kwargs)
        return [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]

    first = drawn()
    assert [int(name) % 2 for name in first].count(0) == 2 and len(first) == 4
    assert first == sorted(first) and first == drawn()
    assert len({tuple(drawn(shots_seed=seed)) for seed in range(6)}) > 1


def test_holdout_is_drawn_class_by_class_before_the_shots(folder):
    def drawn(**kwargs):
        dataset = Listed(folder, **kwargs)
        return [int(dataset.get_data_info(i)['img_id']) for i in range(len(dataset))]

    out, rest = drawn(holdout=2, held_out=True), drawn(holdout=2)
    assert sorted(out + rest) == list(range(10)) and [i % 2 for i in out].count(0) == 2
    assert out == sorted(out)
    assert not set(drawn(holdout=2, shots=3)) & set(out)


def test_holdout_that_empties_a_class_is_refused(folder):
    with pytest.raises(ValueError, match=r'holdout=5 leaves no image of class a .* which has 5'):
        Listed(folder, holdout=5)


def test_labels_are_checked_before_images_are_held_out(folder):
    def change(entries):
        entries[4]['gt_label'] = -1

    with pytest.raises(ValueError, match=r'must lie in \[0, 2\).*got -1 for 4'):
        Listed(folder, change, holdout=1)


def test_split_of_test_data_keeps_its_name_when_a_part_is_held_out(folder):
    class Test(Listed):
        split = 'test'

    assert Listed(folder).metainfo['split'] is None
    assert Listed(folder, holdout=1, held_out=True).metainfo['split'] == 'val'
    assert Test(folder, holdout=1, held_out=True).metainfo['split'] == 'test'
    Test.split = 'train_aug'
    assert Test(folder, holdout=1, held_out=True).metainfo['split'] == 'val'


def test_boxes_can_be_left_alone_in_test_mode(folder):
    assert 'gt_bboxes' not in Listed(folder, test_mode=True, with_boxes=False).get_data_info(0)


def test_validation_of_held_out_images_asks_for_their_number(folder):
    with pytest.raises(ValueError, match=r'holdout=0; state the same number in the training data set'):
        Listed(folder, held_out=True)


def test_more_shots_than_images_and_shots_at_test_are_refused(folder):
    with pytest.raises(ValueError, match=r'shots=6, but class a .* has 5 training images'):
        Listed(folder, shots=6)
    with pytest.raises(ValueError, match='in training only; got shots=1'):
        Listed(folder, shots=1, test_mode=True)
