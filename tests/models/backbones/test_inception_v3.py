from __future__ import annotations

from collections.abc import Callable

import pytest

from mmwsol.models.backbones import InceptionV3


def test_shapes_of_bas_form(stage_shapes: Callable) -> None:
    assert stage_shapes(InceptionV3) == [(192, 28, 28), (288, 28, 28), (768, 28, 28), (2048, 14, 14)]


def test_shapes_of_wsolevaluations_forms(stage_shapes: Callable) -> None:
    large = stage_shapes(lambda: InceptionV3(num_stages=3))
    small = stage_shapes(lambda: InceptionV3(num_stages=3, pool_before_6=True))
    assert large == [(192, 28, 28), (288, 28, 28), (768, 28, 28)]
    assert small == [(192, 28, 28), (288, 28, 28), (768, 14, 14)]


def test_other_input_sizes(stage_shapes: Callable) -> None:
    assert stage_shapes(InceptionV3, 96, 80)[2:] == [(768, 12, 10), (2048, 6, 5)]


def test_every_stage_can_be_entered(assert_enterable: Callable) -> None:
    assert_enterable(InceptionV3())


@pytest.mark.parametrize(('classes', 'millions'), [(200, (51.69, 41.34)), (1000, (58.04, None))])
def test_parameter_counts_with_bas_head(parameter_counts: Callable, classes: int, millions: tuple) -> None:
    counts = parameter_counts(InceptionV3, 3, 768, 2048, classes)
    assert all(want is None or round(n / 1e6, 2) == want for n, want in zip(counts, millions))


def test_parameter_names_are_torchvisions() -> None:
    from torchvision.models import inception_v3

    theirs = inception_v3(weights=None, init_weights=False).state_dict()
    assert set(InceptionV3().state_dict()) == {k for k in theirs if not k.startswith(('AuxLogits', 'fc'))}


def test_wrong_stage_count_is_refused() -> None:
    with pytest.raises(ValueError, match='got num_stages=2'):
        InceptionV3(num_stages=2)
