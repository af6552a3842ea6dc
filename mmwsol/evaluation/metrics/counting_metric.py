from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..protocols import Protocol, get_protocols
from ..selection import checkpoint_text, source_text, take_threshold


class CountingMetric(BaseMetric):
    """A metric of integer counters under protocols: every rank counts its own images, and only counters travel.

    In place of MMEngine's collection of results, which cuts the padded ones off by position. A subclass adds the
    counters of all ranks in ``compute_metrics`` and leaves its result in ``table_text`` and the JSON-able
    ``summary``, whose ``rows`` follow the protocols.

    Args:
        protocols: names of presets, or dicts with a ``name`` and overrides.
        make_plan: what is counted under resolved protocols; ``plan`` holds it.
    """

    results: list[Any]

    def __init__(
        self,
        protocols: str | Mapping | Protocol | Sequence[str | Mapping | Protocol],
        make_plan: Callable[[list[Protocol]], Any],
        prefix: str | None = None,
        collect_device: str = 'cpu',
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self._asked = get_protocols(protocols)
        self._taken: list[Mapping[str, Any] | None] = [None] * len(self._asked)
        self._checkpoint: str | None = None
        self._make_plan = make_plan
        self.plan = make_plan(self._asked)
        self.table_text = ''
        self.summary: dict[str, Any] = {}

    def take_selection(self, selection: Mapping[str, Any] | None, where: str) -> None:
        """Evaluate at the thresholds of a checkpoint's ``selection``, and state in each row what chose the checkpoint.

        Raises ``ValueError`` if a protocol awaits a threshold that ``where`` doesn't carry.
        """
        taken = [take_threshold(protocol, selection, where) for protocol in self._asked]
        self._taken = [choice for _, choice in taken]
        self._checkpoint = checkpoint_text(selection)
        self.plan = self._make_plan([protocol for protocol, _ in taken])

    def state_checkpoint(self, rows: Sequence[MutableMapping[str, Any]]) -> None:
        """Say in each row what chose the checkpoint."""
        if self._checkpoint:
            for row in rows:
                row['checkpoint'] = self._checkpoint

    def evaluate(self, size: int) -> dict[str, float]:
        """Percents by ``<prefix>/<row>/<metric>``, the same on all ranks."""
        results, self.results = self.results, []
        metrics = self.compute_metrics(results)
        if metrics and self.summary['num_images'] != size:
            print_log(f'{self.summary["num_images"]} of {size} images were evaluated', logger='current')
        return {f'{self.prefix}/{key}' if self.prefix else key: value for key, value in metrics.items()}


def state_choice(row: MutableMapping[str, Any], choice: Mapping[str, Any], key: str) -> None:
    """Say in ``row``, under ``key``, what chose its threshold, and by which images."""
    row[key] = source_text(choice['source'], choice['split'])
    row['threshold_from'] = {name: choice[name] for name in ('split', 'images', 'value')}
