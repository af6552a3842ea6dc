from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmwsol.apis.parity import Comparison, check_fixture, compare


def test_error_is_the_largest_difference() -> None:
    comparison = compare('x', [1.0, 2.5], [1.0, 2.0], 0.4)
    assert comparison.error == 0.5 and not comparison.ok
    assert compare('x', [1.0, 2.5], [1.0, 2.0], 0.5).ok


def test_equality_is_asked_for_by_default() -> None:
    assert compare('x', np.array([[1, 2]]), np.array([[1, 2]])).ok
    assert not compare('x', [1.0], [np.nextafter(1.0, 2.0)]).ok


def test_relative_to_each_element_takes_zeros_absolutely() -> None:
    assert compare('x', [11.0, 0.05], [10.0, 0.0], relative='element').error == pytest.approx(0.1)
    assert compare('x', [10.0, 0.5], [10.0, 0.0], relative='element').error == 0.5


def test_relative_to_the_largest_magnitude() -> None:
    assert compare('x', [-8.0, 2.0], [-10.0, 2.0], relative='maximum').error == pytest.approx(0.2)


@pytest.mark.parametrize('relative', ['', 'element', 'maximum'])
@pytest.mark.parametrize(
    'values', [([np.nan], [1.0]), ([1.0], [np.nan]), ([np.nan], [np.nan]), ([np.inf], [1.0])]
)
def test_values_that_are_not_finite_fail(relative: str, values: tuple) -> None:
    assert not compare('x', *values, tolerance=1.0, relative=relative).ok


def test_nan_among_good_values_fails() -> None:
    assert not compare('x', [1.0, np.nan, 3.0], [1.0, 2.0, 3.0], 1.0).ok


def test_other_shape_is_an_error_and_never_broadcast() -> None:
    with pytest.raises(ValueError, match=r'x: shape \(1,\), golden data have \(3,\)'):
        compare('x', 1.0, [1.0, 1.0, 1.0])


def test_line_says_name_error_tolerance_and_verdict() -> None:
    assert 'loss' in str(Comparison('loss', 1e-7, 1e-5)) and str(Comparison('loss', 1e-7, 1e-5)).endswith(
        'ok'
    )
    assert str(Comparison('loss', 1e-3, 1e-5)).endswith('FAIL')


def test_unknown_fixture_is_refused_with_its_keys(tmp_path: Path) -> None:
    np.savez(tmp_path / 'other.npz', something=np.zeros(2))
    with pytest.raises(ValueError, match=r"other\.npz: no component .*\['something'\]"):
        list(check_fixture(tmp_path / 'other.npz'))
