from __future__ import annotations

from types import SimpleNamespace

import pytest

from mmwsol.engine.training_progress import training_progress


def test_progress_is_that_of_the_runner_that_trains():
    assert training_progress(SimpleNamespace(_train_loop=object(), epoch=3, iter=30)) == (3, 30)


@pytest.mark.parametrize('unbuilt', [None, dict(by_epoch=True)])
def test_runner_that_does_not_train_builds_no_training_data(unbuilt):
    assert training_progress(SimpleNamespace(_train_loop=unbuilt)) == (0, 0)
