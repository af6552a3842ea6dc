"""Where tests find what lies outside the repository, and what a test may need of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def repo_dir() -> Path:
    return REPO


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """The folder with golden arrays, real images and weights; ``MMWSOL_SHARED`` or ``../shared``."""
    path = Path(os.environ.get('MMWSOL_SHARED', REPO.parent / 'shared'))
    if not (path / 'golden').is_dir():
        pytest.skip(f'needs the shared golden data, which are not at {path}')
    return path


@pytest.fixture(scope='session')
def golden(shared_dir: Path) -> Callable[[str], Mapping[str, np.ndarray]]:
    """``golden('postproc')`` opens one golden fixture."""
    return lambda name: np.load(shared_dir / 'golden' / f'{name}.npz', allow_pickle=False)


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``MMWSOL_DATA_ROOT`` of the test's own."""
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the library keeps on disk for later processes, of the test's own."""
    path = tmp_path_factory.mktemp('cache')
    monkeypatch.setenv('MMWSOL_CACHE_DIR', str(path))
    return path
