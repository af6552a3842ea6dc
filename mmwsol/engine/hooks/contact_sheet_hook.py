from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmwsol.engine.trained_steps import trained_steps
from mmwsol.models.localizers import localized_view
from mmwsol.registry import HOOKS
from mmwsol.structures import LocDataSample
from mmwsol.visualization.drawing import contact_sheet


@HOOKS.register_module()
class ContactSheetHook(Hook):
    """Leave a sheet of images, heat maps, predicted (red) and true (green) boxes at each validation and test.

    The images are spread evenly over the data set and the same each time. Drawn under the first protocol of the evaluator.

    Args:
        num_images: on a sheet; 0 switches the hook off.
        columns: of the sheet.
    """

    def __init__(self, num_images: int = 16, columns: int = 4) -> None:
        self.num_images = num_images
        self.columns = columns
        self._panels: list[np.ndarray] = []

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[LocDataSample]
    ) -> None:
        self._collect(runner, runner.val_loop, batch_idx, data_batch, outputs)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[LocDataSample]
    ) -> None:
        self._collect(runner, runner.test_loop, batch_idx, data_batch, outputs)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._write(runner, 'val', trained_steps(runner)[0])

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        self._write(runner, 'test', 0)

    def _collect(
        self, runner: Runner, loop: Any, batch_idx: int, data_batch: dict, outputs: Sequence[LocDataSample]
    ) -> None:
        if not is_main_process() or not self.num_images:
            return
        total = len(loop.dataloader.dataset)
        chosen = set(np.linspace(0, total - 1, min(self.num_images, total)).round().astype(int).tolist())
        for image, sample in zip(data_batch['inputs'], outputs):
            if sample.get('sample_idx') in chosen and len(self._panels) < self.num_images:
                self._panels.append(
                    runner.visualizer.draw(to_rgb(image), sample, first_protocol(loop.evaluator))
                )

    def _write(self, runner: Runner, name: str, step: int) -> None:
        if self._panels:
            sheet = contact_sheet(self._panels, self.columns)
            runner.visualizer.add_image(f'contact_sheet_{name}', sheet, step)
        self._panels = []


def first_protocol(evaluator: Evaluator) -> Any:
    """The first protocol of an evaluator's metrics, ``None`` if no metric has one."""
    protocols = [protocol for metric in evaluator.metrics for protocol in getattr(metric, 'protocols', ())]
    return protocols[0] if protocols else None


def to_rgb(image: Tensor) -> np.ndarray:
    """The localized view of a network input, uint8 (3, H, W) or (V, 3, H, W), as (H, W, 3)."""
    return localized_view(image).permute(1, 2, 0).cpu().numpy()
