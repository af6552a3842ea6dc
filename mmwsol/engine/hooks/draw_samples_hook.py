from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mmcv
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmwsol.registry import HOOKS
from mmwsol.structures import LocDataSample

from .contact_sheet_hook import first_protocol, to_rgb


@HOOKS.register_module()
class DrawSamplesHook(Hook):
    """Write a picture of every test image, ``<out_dir>/<img_id>.jpg``: boxes on the left, heat map on the right."""

    def __init__(self, out_dir: str) -> None:
        self.out_dir = Path(out_dir)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[LocDataSample]
    ) -> None:
        protocol = first_protocol(runner.test_loop.evaluator)
        for image, sample in zip(data_batch['inputs'], outputs):
            picture = runner.visualizer.draw(to_rgb(image), sample, protocol)
            name = str(sample.get('img_id', sample.get('sample_idx'))).removesuffix('.jpg')
            mmcv.imwrite(picture[..., ::-1], str(self.out_dir / f'{name}.jpg'), auto_mkdir=True)
