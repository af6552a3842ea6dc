from __future__ import annotations

from pathlib import Path

from mmwsol.datasets import resolve_data_path


def test_relative_paths_lie_below_the_root_read_at_call_time(monkeypatch):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', '/one')
    assert resolve_data_path('birds') == '/one/birds'
    monkeypatch.setenv('MMWSOL_DATA_ROOT', '/two')
    assert resolve_data_path(Path('birds')) == '/two/birds'


def test_default_root_is_data(monkeypatch):
    monkeypatch.delenv('MMWSOL_DATA_ROOT', raising=False)
    assert resolve_data_path('birds') == 'data/birds'


def test_absolute_paths_pass_through(monkeypatch):
    monkeypatch.setenv('MMWSOL_DATA_ROOT', '/one')
    assert resolve_data_path('/else/birds') == '/else/birds'
