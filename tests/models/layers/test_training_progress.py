from __future__ import annotations

from collections.abc import Iterator

import pytest
from mmengine.logging import MessageHub

from mmwsol.models.layers import current_epoch, training_progress


@pytest.fixture
def hub() -> Iterator[MessageHub]:
    hub = MessageHub.get_instance('test_training_progress')
    yield hub
    hub.runtime_info.pop('loop_stage', None)


def test_running_loop_says_where_it_stands(hub: MessageHub) -> None:
    hub.update_info_dict(dict(loop_stage='train', epoch=3, iter=25, max_iters=100))
    assert (current_epoch(), training_progress()) == (3, 0.25)


def test_finished_or_missing_loop_has_no_epoch_and_no_progress(hub: MessageHub) -> None:
    hub.update_info_dict(dict(epoch=3, iter=25, max_iters=100))
    assert (current_epoch(), training_progress()) == (None, 0.0)
