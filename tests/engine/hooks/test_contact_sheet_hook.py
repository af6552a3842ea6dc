from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from mmwsol.engine.hooks import ContactSheetHook
from mmwsol.engine.hooks.contact_sheet_hook import first_protocol, to_rgb


def validate(hook: ContactSheetHook, runner: SimpleNamespace, make_batch: Callable, num_images: int) -> None:
    for start in range(0, num_images, 3):
        batch, outputs = make_batch(list(range(start, min(start + 3, num_images))))
        hook.after_val_iter(runner, start // 3, batch, outputs)
    hook.after_val_epoch(runner)


def test_images_are_spread_evenly_and_the_same_each_time(make_runner: Callable, make_batch: Callable) -> None:
    hook, runner = ContactSheetHook(num_images=4), make_runner(10)
    for _ in range(2):
        validate(hook, runner, make_batch, 10)
    assert [index for index, _ in runner.visualizer.drawn] == [0, 3, 6, 9] * 2
    assert [(name, step) for name, _, step in runner.visualizer.added] == [('contact_sheet_val', 5)] * 2


def test_small_data_set_is_drawn_whole(make_runner: Callable, make_batch: Callable) -> None:
    runner = make_runner(5)
    validate(ContactSheetHook(num_images=16, columns=4), runner, make_batch, 5)
    assert [index for index, _ in runner.visualizer.drawn] == [0, 1, 2, 3, 4]
    ((_, sheet, _),) = runner.visualizer.added
    assert sheet.shape == (2 * (8 + 4), 4 * (12 + 4), 3)


def test_sample_padded_by_the_sampler_is_not_drawn_beyond_the_sheet(
    make_runner: Callable, make_batch: Callable
) -> None:
    runner, hook = make_runner(3), ContactSheetHook(num_images=3)
    hook.after_val_iter(runner, 0, *make_batch([0, 1, 2, 0]))
    assert [index for index, _ in runner.visualizer.drawn] == [0, 1, 2]


def test_zero_images_switch_it_off(make_runner: Callable, make_batch: Callable) -> None:
    runner = make_runner(5)
    validate(ContactSheetHook(num_images=0), runner, make_batch, 5)
    assert not runner.visualizer.drawn and not runner.visualizer.added


def test_test_run_leaves_its_own_sheet(make_runner: Callable, make_batch: Callable) -> None:
    hook, runner = ContactSheetHook(), make_runner(2)
    hook.after_test_iter(runner, 0, *make_batch([0, 1]))
    hook.after_test_epoch(runner)
    assert [(name, step) for name, _, step in runner.visualizer.added] == [('contact_sheet_test', 0)]


def test_other_processes_draw_nothing(
    make_runner: Callable, make_batch: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('mmwsol.engine.hooks.contact_sheet_hook.is_main_process', lambda: False)
    runner = make_runner(5)
    validate(ContactSheetHook(), runner, make_batch, 5)
    assert not runner.visualizer.drawn and not runner.visualizer.added


def test_drawn_under_the_first_protocol_of_the_metrics(make_runner: Callable, make_batch: Callable) -> None:
    runner = make_runner(2)
    validate(ContactSheetHook(), runner, make_batch, 2)
    assert {protocol.name for _, protocol in runner.visualizer.drawn} == {'choe_v1'}
    assert first_protocol(SimpleNamespace(metrics=[SimpleNamespace()])) is None


def test_localized_view_of_ten_crops_is_the_fifth() -> None:
    views = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 3, 4, 6)
    picture = to_rgb(views)
    assert picture.shape == (4, 6, 3) and set(picture.flatten().tolist()) == {4}
    assert set(to_rgb(views[:2]).flatten().tolist()) == {1}
