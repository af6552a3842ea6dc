from __future__ import annotations

import numpy as np
import pytest

from mmwsol.datasets import FullySupervised, ToyShapes
from mmwsol.datasets.transforms import LoadLocImage, PackLocInputs


@pytest.fixture
def build(data_root):
    def make(**kwargs):
        toy = dict(
            type=ToyShapes,
            num_classes=3,
            images_per_class=6,
            image_size=48,
            test_mode=True,
            pipeline=[LoadLocImage(), PackLocInputs()],
        )
        toy.update(kwargs.pop('toy', {}))
        return FullySupervised(toy, **kwargs)

    return make


def labels(dataset):
    return [dataset.get_cat_ids(i)[0] for i in range(len(dataset))]


def test_samples_carry_boxes_and_masks_and_the_data_set_says_so(build, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmwsol.datasets.fully_supervised.print_log', lambda text, **kwargs: said.append(text)
    )
    dataset = build()
    sample = dataset[0]['data_samples']
    assert len(sample.gt_bboxes) == 1 and sample.gt_mask.any()
    assert dataset.metainfo['supervision'] == 'full' and dataset.num_classes == 3
    dataset.full_init()  # as the runner does
    (warning,) = said
    assert len(dataset) == 18 and warning.startswith('FULLY SUPERVISED: the boxes and masks of 18 images')


def test_images_of_each_class_are_drawn_with_the_seed(build):
    def names(**kwargs):
        dataset = build(images_per_class=2, **kwargs)
        return [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]

    assert np.bincount(labels(build(images_per_class=2))).tolist() == [2, 2, 2]
    assert names() == names() and len({tuple(names(seed=seed)) for seed in range(5)}) > 1


def test_class_with_fewer_images_gives_all_it_has(build):
    assert np.bincount(labels(build(images_per_class=50))).tolist() == [6, 6, 6]


def test_data_set_in_training_mode_is_refused(build):
    with pytest.raises(ValueError, match='ToyShapes drops boxes and masks in training mode'):
        build(toy=dict(test_mode=False))


def test_negative_number_of_images_is_refused(build):
    with pytest.raises(ValueError, match='must not be negative'):
        build(images_per_class=-1)
