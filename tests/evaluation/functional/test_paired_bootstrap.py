from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmwsol.evaluation.functional.paired_bootstrap import bootstrap_interval, image_mean


def test_mean_over_groups_weighs_each_group_alike():
    assert image_mean([1, 0, 0, 1]) == 0.5
    assert image_mean([1, 0, 0, 1], [5, 5, 5, 9]) == pytest.approx((1 / 3 + 1) / 2)


def test_interval_of_three_images_is_that_of_all_their_samples():
    samples = [np.mean(sample) for sample in itertools.product([0, 0, 1], repeat=3)]
    for level in (0.5, 0.8, 0.9, 0.95):
        exact = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], method='inverted_cdf')
        assert bootstrap_interval([0, 0, 1], level=level, draws=40_000) == pytest.approx(
            tuple(exact), abs=1e-9
        )


def test_interval_equals_plain_resampling_of_images():
    rng = np.random.default_rng(1)
    values = rng.choice([-1, -0.5, 0, 0.5, 1], 300, p=[0.1, 0.1, 0.4, 0.2, 0.2])
    plain = values[rng.integers(0, 300, (20_000, 300))].mean(axis=1)
    found = bootstrap_interval(values, draws=20_000)
    assert found == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.005)
    assert found[0] < values.mean() < found[1]


def test_images_are_drawn_within_their_group():
    values, groups = np.array([0.0] * 50 + [1.0] * 5), np.array([0] * 50 + [1] * 5)
    assert bootstrap_interval(values, groups) == (0.5, 0.5)  # each group is constant
    low, high = bootstrap_interval(values)
    assert low < 5 / 55 < high < 0.5


def test_interval_over_groups_equals_plain_resampling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mmwsol.evaluation.functional.paired_bootstrap.CHUNK', 50_000)
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 12, 200)
    values = rng.choice([-1, 0, 1], 200) + (groups % 3)
    parts = [values[groups == group] for group in np.unique(groups)]
    plain = np.mean([p[rng.integers(0, len(p), (8000, len(p)))].mean(axis=1) for p in parts], axis=0)
    found = bootstrap_interval(values, groups, draws=8000)
    assert found == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.01)


def test_no_difference_has_no_width():
    assert bootstrap_interval(np.zeros(7)) == (0, 0)


def test_interval_is_the_same_each_time():
    values = np.random.default_rng(0).random(40)
    assert bootstrap_interval(values) == bootstrap_interval(values)


@pytest.mark.parametrize(('values', 'level'), [([], 0.95), ([1], 0), ([1], 1)])
def test_interval_needs_images_and_a_level(values, level):
    with pytest.raises(ValueError, match='an interval needs images and a level'):
        bootstrap_interval(values, level=level)
