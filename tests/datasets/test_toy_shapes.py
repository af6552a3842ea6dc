from __future__ import annotations

import multiprocessing
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmwsol.datasets import ToyShapes
from mmwsol.datasets.transforms import LoadLocImage, PackLocInputs

SMALL = {'images_per_class': 2, 'image_size': 48}


def build(split='train', **kwargs):
    return ToyShapes(split=split, **{**SMALL, **kwargs})


def images(dataset):
    return {path.name: path.read_bytes() for path in Path(dataset.data_root, 'images').iterdir()}


def test_same_arguments_draw_the_same_files(data_root, monkeypatch, tmp_path_factory):
    first = images(build())
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(tmp_path_factory.mktemp('other')))
    assert images(build()) == first
    assert images(build(seed=1)) != first
    assert images(build(split='test')) != first


def test_a_relative_data_root_is_entered_once(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('MMWSOL_DATA_ROOT', 'drawn')
    assert Path(build().data_root).parent == Path('drawn/toy_shapes')
    assert [path.name for path in (tmp_path / 'drawn').iterdir()] == ['toy_shapes']


def test_second_build_reads_what_the_first_drew(data_root):
    root = Path(build().data_root)
    stamp = (root / 'labels.json').stat().st_mtime_ns
    assert build().data_root == str(root)
    assert (root / 'labels.json').stat().st_mtime_ns == stamp
    assert [path.name for path in root.parent.iterdir()] == [root.name]  # no temporary folder is left


def test_boxes_are_those_of_the_masks(data_root):
    dataset = build('test', pipeline=[LoadLocImage(), PackLocInputs()])
    assert (len(dataset), dataset.num_classes) == (16, 8)
    for i in range(len(dataset)):
        sample = dataset[i]['data_samples']
        x, y, w, h = cv2.boundingRect(sample.gt_mask.numpy())
        np.testing.assert_array_equal(sample.gt_bboxes.numpy(), [[x, y, x + w, y + h]])


def test_training_sample_has_neither_box_nor_mask(data_root):
    dataset = build(pipeline=[LoadLocImage(), PackLocInputs()])
    Path(dataset.data_root, 'boxes.json').unlink()  # not even opened
    assert set(build(pipeline=[LoadLocImage(), PackLocInputs()])[0]['data_samples'].keys()) == {'gt_label'}


def test_processes_that_draw_at_once_agree(data_root):
    with multiprocessing.get_context('fork').Pool(3) as pool:
        roots = pool.map(_data_root, ['test'] * 3, chunksize=1)
    assert len(set(roots)) == 1
    assert len(images(build('test'))) == 16
    assert len(list(Path(roots[0]).parent.iterdir())) == 1


def _data_root(split):
    return build(split).data_root


def test_trivial_boxes_find_about_half_of_the_objects(data_root):
    """Otherwise maps would not matter: IoU >= 0.5 of the whole image, and of the mean box in the centre."""
    sizes = {'images_per_class': 12, 'image_size': 64}
    train, test = build(test_mode=True, **sizes), build('test', **sizes)
    boxes = np.concatenate([test.get_data_info(i)['gt_bboxes'] for i in range(len(test))])
    seen = np.concatenate([train.get_data_info(i)['gt_bboxes'] for i in range(len(train))])
    half = (seen[:, 2:] - seen[:, :2]).mean(0) / 2
    for trivial in ([0, 0, 64, 64], [*(32 - half), *(32 + half)]):
        lower, upper = np.maximum(boxes[:, :2], trivial[:2]), np.minimum(boxes[:, 2:], trivial[2:])
        inter = np.clip(upper - lower, 0, None).prod(1)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (trivial[2] - trivial[0]) * (trivial[3] - trivial[1])
        assert (inter / (area - inter) >= 0.5).mean() <= 0.58


def test_read_only_root_is_explained(data_root, monkeypatch):
    blocked = data_root / 'file'
    blocked.write_text('')
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(blocked))
    with pytest.raises(OSError, match='set MMWSOL_DATA_ROOT to a writable folder'):
        build()


def test_arguments_out_of_range_are_refused(data_root):
    with pytest.raises(ValueError, match=r'num_classes in 2\.\.24 and image_size >= 32, got 1 and 48'):
        build(num_classes=1)
    with pytest.raises(ValueError, match="'train', 'val' or 'test', got 'dev'"):
        build('dev')
