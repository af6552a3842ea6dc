from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from mmengine.registry import DefaultScope

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def mmwsol_scope() -> Iterator[None]:
    with DefaultScope.overwrite_default_scope('mmwsol'):
        yield
