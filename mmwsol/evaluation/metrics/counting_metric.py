from __future__ import annotations

from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log


class CountingMetric(BaseMetric):
    """A metric of integer counters: every rank counts its own images, and only counters travel.

    In place of MMEngine's collection of results, which cuts the padded ones off by position. A subclass adds the
    counters of all ranks in ``compute_metrics`` and leaves its result in ``table_text`` and the JSON-able
    ``summary``.
    """

    results: list[Any]

    def __init__(self, prefix: str | None = None, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.table_text = ''
        self.summary: dict[str, Any] = {}

    def evaluate(self, size: int) -> dict[str, float]:
        """Percents by ``<prefix>/<row>/<metric>``, the same on all ranks."""
        results, self.results = self.results, []
        metrics = self.compute_metrics(results)
        if metrics and self.summary['num_images'] != size:
            print_log(f'{self.summary["num_images"]} of {size} images were evaluated', logger='current')
        return {f'{self.prefix}/{key}' if self.prefix else key: value for key, value in metrics.items()}
