from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mmwsol.evaluation import get_protocol
from mmwsol.structures import LocDataSample


class FakeVisualizer:
    """Draws an image as a picture of its own colour and remembers what it was given."""

    def __init__(self) -> None:
        self.drawn: list[tuple[Any, Any]] = []
        self.added: list[tuple[str, np.ndarray, int]] = []

    def draw(self, image: np.ndarray, sample: LocDataSample, protocol: Any) -> np.ndarray:
        self.drawn.append((sample.sample_idx, protocol))
        return image

    def add_image(self, name: str, image: np.ndarray, step: int) -> None:
        self.added.append((name, image, step))


@pytest.fixture
def make_runner() -> Callable[..., SimpleNamespace]:
    """A runner whose validation and test sets have so many images; metrics with protocols ``choe_v1``, ``bas``."""

    def build(num_images: int) -> SimpleNamespace:
        metrics = [
            SimpleNamespace(),
            SimpleNamespace(protocols=[get_protocol('choe_v1'), get_protocol('bas')]),
        ]
        loop = SimpleNamespace(
            dataloader=SimpleNamespace(dataset=range(num_images)), evaluator=SimpleNamespace(metrics=metrics)
        )
        return SimpleNamespace(
            val_loop=loop, test_loop=loop, visualizer=FakeVisualizer(), _train_loop=True, epoch=5, iter=50
        )

    return build


@pytest.fixture
def make_batch() -> Callable[..., tuple[dict, list[LocDataSample]]]:
    """Inputs (uint8, all pixels of image i are i) and outputs with ``sample_idx`` and ``img_id``."""

    def build(indices: list[int], views: int = 0) -> tuple[dict, list[LocDataSample]]:
        shape = (views, 3, 8, 12) if views else (3, 8, 12)
        images = [torch.full(shape, i, dtype=torch.uint8) for i in indices]
        samples = [LocDataSample(metainfo=dict(sample_idx=i, img_id=f'class/{i}')) for i in indices]
        return dict(inputs=images), samples

    return build
