from __future__ import annotations

from types import SimpleNamespace

import pytest

from mmwsol.engine.trained_steps import trained_steps


def test_progress_is_that_of_the_runner_that_trains():
    assert trained_steps(SimpleNamespace(_train_loop=object(), epoch=3, iter=30)) == (3, 30)


@pytest.mark.parametrize('unbuilt', [None, dict(by_epoch=True)])
def test_runner_that_does_not_train_builds_no_training_data(unbuilt):
    assert trained_steps(SimpleNamespace(_train_loop=unbuilt)) == (0, 0)
