"""Thresholds for a checkpoint that no validation has seen: ``tools/test.py --choose-on-val``."""

from __future__ import annotations

import argparse
from typing import Any

from mmengine.config import Config

from mmwsol.evaluation.metrics import PseudoBoxMetric
from mmwsol.evaluation.protocols import Protocol, get_protocols

from .evaluator_configs import evaluators_of, localization_evaluators, of_kind

# what a choice of thresholds shares with the test it is for
SHARED = ('iou_thresholds', 'interval', 'num_threads')


def add_choice_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--choose-on-val',
        action='store_true',
        help='evaluate val_dataloader first and take from there the thresholds that the protocols await (strict)',
    )


def choose_on_val(cfg: Config) -> None:
    """Make ``val_evaluator`` choose the thresholds that the protocols of ``test_evaluator`` await, and nothing else.

    Choices by pseudo boxes are made by the config's own ``PseudoBoxMetric``.

    Raises:
        ValueError: no protocol awaits a threshold, or the config has nothing to choose it by.
    """
    wanted = _awaited(cfg)
    if not wanted:
        raise ValueError(
            '--choose-on-val chooses thresholds for protocols that await one, but the test has none; name one, e.g. '
            '--protocol strict'
        )
    if not cfg.get('val_dataloader'):
        raise ValueError('--choose-on-val needs val_dataloader in the config: the images to choose on')
    by_pseudo = of_kind(evaluators_of(cfg, 'val_evaluator'), PseudoBoxMetric)[:1]
    if 'pseudo' in wanted and not by_pseudo:
        raise ValueError(
            f'protocol {wanted["pseudo"][0].name} takes a threshold chosen by pseudo boxes, but val_evaluator has no '
            'PseudoBoxMetric, which makes them; see configs/_base_/selection/strict.py'
        )
    shared = {key: e[key] for e in localization_evaluators(cfg)[:1] for key in SHARED if key in e}
    evaluators: list[dict[str, Any]] = []
    if 'val' in wanted:
        evaluators.append(dict(shared, type='mmwsol.LocalizationMetric', protocols=_stated(wanted['val'])))
    if 'pseudo' in wanted:
        evaluators.append(dict(by_pseudo[0], **shared, protocols=_stated(wanted['pseudo'])))
    cfg.val_evaluator = evaluators
    cfg.val_cfg = cfg.get('val_cfg') or dict()
    if checkpoint := cfg.get('default_hooks', {}).get('checkpoint'):
        checkpoint.update(save_best=None, rule=None)  # nothing is trained here that could be kept


def _awaited(cfg: Config) -> dict[str, list[Protocol]]:
    """The protocols of the test that await a threshold, by what chooses it."""
    wanted: dict[str, list[Protocol]] = {}
    stated = [protocol for e in evaluators_of(cfg) for protocol in get_protocols(e.get('protocols', ()))]
    for protocol in dict.fromkeys(stated):
        if protocol.awaits_threshold:
            wanted.setdefault(protocol.threshold_source, []).append(protocol)
    return wanted


def _stated(protocols: list[Protocol]) -> list[dict[str, Any]]:
    """As a config that can be printed states them."""
    return [protocol.to_dict() for protocol in protocols]
