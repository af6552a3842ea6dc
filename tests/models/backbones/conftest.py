from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mmwsol.models.backbones import StagedBackbone


@pytest.fixture
def stage_shapes() -> Callable[..., list[tuple[int, ...]]]:
    """(C, h, w) behind every stage of a backbone built by ``build()`` for an input, by shapes alone."""

    def measure(
        build: Callable[[], StagedBackbone], height: int = 224, width: int = 224
    ) -> list[tuple[int, ...]]:
        with torch.device('meta'):
            backbone, x = build().eval(), torch.empty(1, 3, height, width)
        shapes = []
        for index in range(len(backbone.stages)):
            (x,) = backbone(x, start=index, stop=index + 1)
            shapes.append(tuple(x.shape[1:]))
        return shapes

    return measure


@pytest.fixture
def assert_enterable() -> Callable[[StagedBackbone], None]:
    """Running to a stage and entering there equals running through, at every stage."""

    def check(backbone: StagedBackbone) -> None:
        torch.manual_seed(0)
        images = torch.randn(2, 3, 64, 64)
        with torch.no_grad():
            (through,) = backbone.eval()(images)[-1:]
            for stage in range(1, len(backbone.stages)):
                entered = backbone(backbone(images, stop=stage)[-1], start=stage)[-1]
                assert torch.equal(entered, through), stage

    return check


@pytest.fixture
def parameter_counts() -> Callable[..., tuple[int, int]]:
    """Parameters of a backbone with BAS head, and how many of them lie behind the split, for a class count."""
    from mmwsol.models.heads import BASHead

    def count(
        build: Callable[[], StagedBackbone],
        split_stage: int,
        split_channels: int,
        in_channels: int,
        classes: int,
    ) -> tuple[int, int]:
        with torch.device('meta'):
            backbone, head = build(), BASHead(classes, in_channels, split_channels, split_stage)
        behind = backbone.stage_prefixes(split_stage)
        second = [p.numel() for name, p in backbone.named_parameters() if name.startswith(behind)]
        second += [p.numel() for p in head.classifier.parameters()]
        total = [p.numel() for part in (backbone, head) for p in part.parameters()]
        return sum(total), sum(second)

    return count
