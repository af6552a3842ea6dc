"""The 200 score maps of golden/evaluator_box.npz, rebuilt from their low-resolution arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mmwsol.evaluation.functional.heatmaps import make_heatmaps, to_uint8_range


@dataclass
class EvaluatorBox:
    """``evaluator_box.npz`` by image."""

    arrays: Mapping[str, NDArray]
    low_maps: list[NDArray[np.float64]]
    gt_orig: list[NDArray]
    gt_224: list[NDArray]

    @cached_property
    def uint8_maps(self) -> NDArray[np.uint8]:
        """The maps at 224x224 as wsolevaluation cuts them, (200, 224, 224)."""
        rules = dict(normalize='after_resize', interpolation='bicubic', dtype=torch.float64)
        heatmaps = [make_heatmaps(torch.from_numpy(m)[None], (224, 224), **rules) for m in self.low_maps]
        return to_uint8_range(torch.cat(heatmaps)).to(torch.uint8).numpy()


@pytest.fixture(scope='session')
def evaluator_box(golden: Callable[[str], Mapping[str, NDArray]]) -> EvaluatorBox:
    arrays = dict(golden('evaluator_box'))
    low: dict[int, NDArray] = {}
    for side in (7, 14, 28):
        low |= {int(i): m for m, i in zip(arrays[f'lowres_{side}'], arrays[f'lowres_{side}_idx'])}
    cuts = arrays['gt_offsets'][1:-1]
    return EvaluatorBox(
        arrays,
        [low[i] for i in range(200)],
        np.split(arrays['gt_boxes_orig'].astype(float), cuts),
        np.split(arrays['gt_boxes_224'].astype(float), cuts),
    )
