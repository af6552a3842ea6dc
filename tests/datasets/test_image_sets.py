from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.dataset import ClassBalancedDataset, RepeatDataset

from mmwsol.datasets import FullySupervised, ToyShapes
from mmwsol.datasets.image_sets import MARK_LENGTH, count_shared, image_marks, image_names, plain_datasets


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyShapes:
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(tmp_path))
    return ToyShapes(split='val', images_per_class=2)


def test_images_are_named_from_the_data_root(drawn, monkeypatch, tmp_path):
    names = image_names(drawn)
    assert len(names) == len(drawn) and all((tmp_path / name).is_file() for name in names)
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(tmp_path / 'elsewhere'))
    assert image_names(drawn) == [str(tmp_path / name) for name in names]


def test_wrappers_have_the_images_of_what_they_wrap(drawn):
    assert image_names(ClassBalancedDataset(drawn, oversample_thr=0.1)) == image_names(drawn)
    twice = RepeatDataset(dict(type=RepeatDataset, dataset=drawn, times=2), times=2)
    assert plain_datasets(twice) == [drawn] and image_names(twice) == image_names(drawn)
    assert image_names(object()) == [] and image_marks(object()) == ''


def test_fully_supervised_data_have_the_images_they_draw(drawn):
    few = FullySupervised(dict(type=ToyShapes, split='val', images_per_class=2), images_per_class=1)
    assert len(image_names(few)) == len(few) < len(drawn)
    assert set(image_names(few)) < set(image_names(drawn))


def test_shared_images_are_counted_once_whatever_their_order(drawn):
    marks = image_marks(drawn)
    assert len(marks) == MARK_LENGTH * len(drawn) and count_shared(marks, marks) == len(drawn)
    half = ToyShapes(split='val', images_per_class=2, indices=list(range(len(drawn) - 1, -1, -2)))
    assert count_shared(image_marks(RepeatDataset(half, times=2)), marks) == len(half)
    assert count_shared(image_marks(ToyShapes(split='train', images_per_class=2)), marks) == 0
    assert count_shared('', marks) == 0
