"""A backbone of three small stages, data samples with labels, and the scope in which string types are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmwsol.models.backbones import StagedBackbone
from mmwsol.structures import LocDataSample, labelled_samples

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def mmwsol_scope() -> Iterator[None]:
    with DefaultScope.overwrite_default_scope('mmwsol'):
        yield


class TinyBackbone(StagedBackbone):
    """Stages ``stem``, ``middle``, ``last`` of 6, 8 and 10 channels, each halves the size; with batch norm."""

    def __init__(self, out_indices: Sequence[int] = (1, 2), **kwargs) -> None:
        super().__init__([['stem'], ['middle'], ['last']], (6, 8, 10), out_indices, **kwargs)
        self.stem, self.middle, self.last = (self.unit(*widths) for widths in ((3, 6), (6, 8), (8, 10)))
        self.arrange_stages()

    @staticmethod
    def unit(inputs: int, outputs: int) -> nn.Sequential:
        conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


@pytest.fixture
def tiny_backbone() -> type[TinyBackbone]:
    return TinyBackbone


@pytest.fixture
def samples_of() -> Callable[[Sequence[int]], list[LocDataSample]]:
    """``samples_of([3, 0])`` gives data samples with these image labels."""
    return labelled_samples


class HostReads(TorchDispatchMode):
    """Counts, on any device, the operations whose result the host must read: on a GPU it would wait for each."""

    NAMES = (
        '_local_scalar_dense',
        'equal',
        'is_nonzero',
        'nonzero',
        'masked_select',
        '_unique2',
        'unique_dim',
    )

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = func.overloadpacket.__name__
        by_mask = name in ('index', 'index_put', 'index_put_') and any(
            isinstance(index, Tensor) and index.dtype == torch.bool for index in args[1]
        )
        self.count += name in self.NAMES or by_mask
        return func(*args, **(kwargs or {}))


@pytest.fixture
def host_reads() -> type[HostReads]:
    """``with host_reads() as reads: ...`` counts in ``reads.count``."""
    return HostReads
