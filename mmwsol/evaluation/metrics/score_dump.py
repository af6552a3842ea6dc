from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmwsol.engine.atomic_backend import AtomicBackend
from mmwsol.registry import METRICS

from .sample_fields import image_name, to_numpy


@METRICS.register_module()
class ScoreDump(BaseMetric):
    """Writes the class scores of every image to a file that ``LocalizationMetric(predictions=...)`` reads.

    Args:
        out: the ``.npz`` file, written wholly or not at all; float32 (K,) by image id.
    """

    def __init__(self, out: str, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix='scores')
        if not str(out).endswith('.npz'):
            raise ValueError(f'scores are written to an .npz file, got {out}')
        self.out = Path(out)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            if 'pred_scores' not in sample or 'img_id' not in sample:
                raise ValueError(f'{image_name(sample)} has no pred_scores with an img_id to be written')
            self.results.append((sample['img_id'], to_numpy(sample['pred_scores'].float())))

    def compute_metrics(self, results: list[tuple[str, Any]]) -> dict[str, float]:
        buffer = io.BytesIO()
        np.savez(buffer, **dict(results))
        AtomicBackend().put(buffer.getvalue(), self.out)
        print_log(f'class scores of {len(results)} images written to {self.out}', logger='current')
        return {}
