"""What a validation chose, as a checkpoint carries it to the test, and how a result row says so.

A *choice* is one threshold: ``source`` (``val``: by true boxes, ``pseudo``: by pseudo boxes), ``threshold``,
``value`` (the mean over IoU levels that it reached, percent), ``split`` and ``images`` of these, ``image_marks``, by
which the images are known again (see ``datasets.image_sets``), and ``switches``, the protocol without its thresholds.
A *selection* is the choices of one validation with ``epoch``, ``iter``, ``split``, ``image_marks``, all its
``metrics`` that are numbers, and ``best_by``, the metric that this checkpoint is kept for, or ``None``. Both are
plain containers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .protocols import Protocol

ORACLE_MARK = '(oracle)'
TESTED_TOO = 'tested too'  # in the name of a split that shares images with the test


def is_test_split(name: str | None) -> bool:
    """Whether a split's name says that it is test data: a word of it begins with ``test``, as ``TESTED_TOO`` does."""
    return name is not None and re.search(r'(?i:(?<![a-z])test)|Test', name) is not None


def source_text(source: str, split: str | None) -> str:
    """How a row names where its threshold comes from; a choice on test data is an oracle."""
    if is_test_split(split):
        return f'{split} {ORACLE_MARK}'
    return source if split else f'{source}, split unnamed'


def switches_of(protocol: Protocol) -> dict[str, Any]:
    """The switches that a threshold belongs to: all but the name and the thresholds themselves."""
    kept = protocol.to_dict()
    return {key: kept[key] for key in kept if key not in ('name', 'thresholds', 'threshold_source')}


def find_choice(choices: Sequence[Mapping[str, Any]], protocol: Protocol) -> Mapping[str, Any] | None:
    """The choice that a protocol's source and switches ask for."""
    wanted = (protocol.threshold_source, switches_of(protocol))
    return next((c for c in choices if (c['source'], c['switches']) == wanted), None)


def take_threshold(
    protocol: Protocol, selection: Mapping[str, Any] | None, where: str
) -> tuple[Protocol, Mapping[str, Any] | None]:
    """A protocol with the threshold that validation chose, and that choice; others come back unchanged.

    Raises ``ValueError`` if ``selection``, which ``where`` holds, has none for it.
    """
    if not protocol.awaits_threshold:
        return protocol, None
    choices = (selection or {}).get('choices', ())
    choice = find_choice(choices, protocol)
    if choice is None:
        held = ', '.join(f'{c["name"]} by {c["source"]}' for c in choices) or 'no threshold'
        raise ValueError(
            f'protocol {protocol.name} takes the threshold that validation chose '
            f"(threshold_source='{protocol.threshold_source}'), but {where} carries {held} of these switches. "
            'Test a checkpoint that was validated under this protocol (val_evaluator; '
            f'{"PseudoBoxMetric" if protocol.threshold_source == "pseudo" else "a val split with boxes"}), let '
            f"tools/test.py --choose-on-val choose it there, state a threshold ({protocol.name}:threshold=0.3, 'fixed'), "
            f'or choose it on the evaluated images ({protocol.name}:threshold_source=oracle)'
        )
    return replace(protocol, thresholds=(choice['threshold'],)), choice


def checkpoint_text(selection: Mapping[str, Any] | None) -> str | None:
    """How a row names its checkpoint if a metric chose it; ``None`` if nothing did."""
    if not selection or not selection.get('best_by'):
        return None
    split = selection.get('split')
    mark = f' {ORACLE_MARK}' if is_test_split(split) else ''
    return f'epoch {selection["epoch"]}, best {selection["best_by"]} on {split or "an unnamed split"}{mark}'
