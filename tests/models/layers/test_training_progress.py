from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mmengine.logging import MessageHub
from two_processes import run_in_two_processes

from mmwsol.models.layers import common_draw, current_epoch, planned_epochs, training_progress


@pytest.fixture
def hub() -> Iterator[MessageHub]:
    hub = MessageHub.get_instance('test_training_progress')
    yield hub
    hub.runtime_info.pop('loop_stage', None)


def test_running_loop_says_where_it_stands(hub: MessageHub) -> None:
    hub.update_info_dict(dict(loop_stage='train', epoch=3, iter=25, max_iters=100, max_epochs=9))
    assert (current_epoch(), training_progress(), planned_epochs()) == (3, 0.25, 9)


def test_finished_or_missing_loop_has_no_epoch_and_no_progress(hub: MessageHub) -> None:
    hub.update_info_dict(dict(epoch=3, iter=25, max_iters=100))
    assert (current_epoch(), training_progress(), planned_epochs()) == (None, 0.0, None)


def draw_on_rank(rank: int, out: str) -> None:
    hub = MessageHub.get_instance('test_training_progress')
    hub.update_info_dict(dict(loop_stage='train', seed=6 + rank, iter=4))  # randomness.diff_rank_seed=True
    Path(f'{out}/{rank}').write_text(str(common_draw()))


@pytest.mark.slow
def test_common_draw_is_common_where_every_process_has_a_seed_of_its_own(tmp_path: Path) -> None:
    run_in_two_processes(draw_on_rank, tmp_path, str(tmp_path))
    assert (tmp_path / '0').read_text() == (tmp_path / '1').read_text() != ''


def test_common_draw_depends_on_seed_and_iteration_alone(hub: MessageHub) -> None:
    def draws(seed: int, process: int) -> list[float]:
        np.random.seed(process)
        hub.runtime_info.pop('common_seed', None)
        found = []
        for iteration in range(200):
            hub.update_info_dict(dict(loop_stage='train', seed=seed, iter=iteration))
            np.random.rand(process)
            found.append(common_draw())
        return found

    assert draws(6, process=0) == draws(6, process=1) != draws(7, process=0)
    assert len(set(draws(6, 0))) == 200 and np.mean(draws(6, 0)) == pytest.approx(0.5, abs=0.06)
