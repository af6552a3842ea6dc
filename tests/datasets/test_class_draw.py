from __future__ import annotations

import numpy as np
import pytest

from mmwsol.datasets.class_draw import draw_of_each_class


@pytest.mark.parametrize('seed', range(5))
def test_so_many_of_each_class_are_drawn_or_all_it_has(seed):
    labels = [0] * 10 + [3] * 2 + [1] * 6
    drawn = draw_of_each_class([[label] for label in labels], 4, seed)
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    assert np.bincount(np.array(labels)[drawn], minlength=4).tolist() == [4, 4, 0, 2]


def test_the_draw_of_a_class_does_not_depend_on_the_others():
    alone = draw_of_each_class([[1]] * 9, 3, 0)
    with_others = draw_of_each_class([[1]] * 9 + [[0]] * 5, 3, 0)
    assert with_others[with_others < 9].tolist() == alone.tolist()


def test_the_draw_is_that_of_earlier_releases():
    """Runs that held images out, or drew a few of each class, can be repeated."""
    assert draw_of_each_class([[i % 2] for i in range(20)], 2, 0).tolist() == [9, 12, 14, 17]


@pytest.mark.parametrize('seed', range(5))
def test_of_images_with_several_classes_each_class_gets_at_least_so_many(seed):
    labels = [[0], [0, 1], [1, 2], [0, 2], [2], [0], [1], [2], [1]]
    drawn = draw_of_each_class(labels, 2, seed)
    counts = np.bincount([label for i in drawn for label in labels[i]])
    assert counts.min() >= 2 and len(set(drawn.tolist())) == len(drawn)


def test_an_image_counts_for_all_its_classes():
    assert len(draw_of_each_class([[0, 1, 2]] * 4, 2, 0)) == 2


def test_nothing_is_drawn_from_nothing():
    assert draw_of_each_class([], 2, 0).tolist() == []
