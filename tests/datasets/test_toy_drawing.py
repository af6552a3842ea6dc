from __future__ import annotations

import numpy as np

from mmwsol.datasets.toy_drawing import class_name, draw


def test_a_picture_is_a_function_of_its_seed():
    first, second, other = (draw(3, 8, 64, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])


def test_objects_cover_a_tenth_to_a_half_and_are_in_one_piece():
    import cv2

    for label in range(8):
        for seed in range(5):
            img, mask = draw(label, 8, 96, np.random.default_rng([label, seed]))
            assert img.shape == (96, 96, 3)
            assert img.dtype == mask.dtype == np.uint8
            assert set(np.unique(mask)) == {0, 1}
            assert 0.1 < mask.mean() < 0.5
            assert cv2.connectedComponents(mask)[0] == 2


def test_class_names_are_distinct():
    assert len({class_name(label, 24) for label in range(24)}) == 24
