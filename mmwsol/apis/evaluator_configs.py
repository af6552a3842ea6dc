"""The evaluators that a config states, before they are built."""

from __future__ import annotations

from collections.abc import Iterable

from mmengine.config import Config

from mmwsol.evaluation.metrics import LocalizationMetric, PseudoBoxMetric
from mmwsol.registry import METRICS


def evaluators_of(cfg: Config, key: str = 'test_evaluator') -> list[dict]:
    """Those under ``key``, which may be one, several or none."""
    stated = cfg.get(key) or []
    return stated if isinstance(stated, list) else [stated]


def of_kind(evaluators: Iterable[dict], kind: type) -> list[dict]:
    """Those whose type is ``kind`` or derived from it."""
    types = [(e, METRICS.get(e['type']) if isinstance(e['type'], str) else e['type']) for e in evaluators]
    return [e for e, found in types if isinstance(found, type) and issubclass(found, kind)]


def localization_evaluators(cfg: Config) -> list[dict]:
    """Those of the test that score boxes against true ones."""
    by_pseudo_boxes = of_kind(evaluators_of(cfg), PseudoBoxMetric)
    found = of_kind(evaluators_of(cfg), LocalizationMetric)
    return [e for e in found if all(e is not other for other in by_pseudo_boxes)]
