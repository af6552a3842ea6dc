from __future__ import annotations

import logging
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.runner.checkpoint import save_checkpoint

from mmwsol.compat import load_checkpoint_file
from mmwsol.datasets.image_sets import count_shared, image_marks, image_names, plain_datasets
from mmwsol.engine.trained_steps import trained_steps
from mmwsol.evaluation.selection import TESTED_TOO, is_test_split
from mmwsol.registry import HOOKS


@HOOKS.register_module()
class SelectionHook(Hook):
    """Carry what a validation chose from there, in the checkpoint, to the test.

    The entry ``selection`` of a checkpoint (see ``evaluation.selection``) holds the thresholds that the
    validation of this very state chose and all its metrics; in a ``best_*`` checkpoint also which of
    ``CheckpointHook``'s ``save_best`` it is kept for. The checkpoint of an epoch is written before the epoch is
    validated, so it gets its entry afterwards, by an atomic rewrite. A test takes the thresholds from there; a
    protocol that awaits one and finds none is an error.

    A split named test that chooses, a threshold or the best checkpoint, is warned of, and the rows are marked. So are
    the rows of a test that meets an image again that chose; marks of the images go with each choice.
    """

    priority = 'LOW'  # before CheckpointHook, which saves the best checkpoint in the same place

    def __init__(self) -> None:
        self.selection: dict[str, Any] | None = None  # of the weights as they are now
        self._loaded_from = 'the model in memory'
        self._marked: tuple[Any, str] = (None, '')  # the last validation's data, and the marks of its images

    def before_train(self, runner: Runner) -> None:
        if runner.val_loop is None:
            return
        data = runner.val_dataloader.dataset
        _check_holdout(runner.train_dataloader.dataset, data)
        best = [key for hook in _checkpoint_hooks(runner) for key in hook.key_indicators]
        if best and is_test_split(data.metainfo.get('split')):
            print_log(
                f'{" and ".join(best)} on the split {data.metainfo["split"]!r} choose the checkpoint: rows of the '
                'best checkpoint are oracles and marked so. Choose on other images: a val split, or training '
                'images held out (docs/evaluation.md)',
                logger='current',
                level=logging.WARNING,
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.selection = None

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        data, evaluated = runner.val_dataloader.dataset, runner.val_evaluator.metrics
        epoch, iteration = trained_steps(runner)
        if self._marked[0] is not data:
            self._marked = (data, image_marks(data))
        marks = self._marked[1]
        choices = [choice for metric in evaluated for choice in getattr(metric, 'choices', ())]
        known = self.selection or dict(
            epoch=epoch,
            iter=iteration,
            split=data.metainfo.get('split'),
            image_marks=marks,
            choices=[],
            metrics=_scalars(metrics or {}),
        )
        choices = [{**choice, 'image_marks': marks} for choice in choices]
        self.selection = known | dict(choices=[*choices, *known['choices']])

    def after_val(self, runner: Runner) -> None:
        """Give the newest checkpoint its entry, if it is of this state."""
        if self.selection is None or not (self.selection['choices'] or _checkpoint_hooks(runner)):
            return
        path = Path(runner.message_hub.runtime_info.get('last_ckpt', ''))
        if is_main_process() and path.is_file():
            content = load_checkpoint_file(path, map_location='cpu')
            if content['meta'].get('iter') == trained_steps(runner)[1]:
                content['selection'] = self.selection | dict(best_by=None)
                save_checkpoint(content, str(path), backend_args=dict(backend='atomic'))
        barrier()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if self.selection is not None:
            checkpoint['selection'] = self.selection | dict(best_by=_best_here(runner))

    def after_load_checkpoint(self, runner: Runner, checkpoint: Mapping[str, Any]) -> None:
        self.selection = checkpoint.get('selection')
        self._loaded_from = str(runner.cfg.get('load_from') or 'the checkpoint')

    def before_test(self, runner: Runner) -> None:
        selection = self.selection
        if selection is not None:
            selection = _name_shared(selection, image_marks(runner.test_dataloader.dataset))
        for metric in runner.test_evaluator.metrics:
            if hasattr(metric, 'take_selection'):
                metric.take_selection(selection, self._loaded_from)


def _checkpoint_hooks(runner: Runner) -> list[CheckpointHook]:
    """The hooks that keep a best checkpoint."""
    return [hook for hook in runner.hooks if isinstance(hook, CheckpointHook) and hook.save_best]


def _best_here(runner: Runner) -> str | None:
    """The metric whose best checkpoint is being saved; of several of this state it is the last one entered."""
    info, best = runner.message_hub.runtime_info, None
    for hook in _checkpoint_hooks(runner):
        step = hook.filename_tmpl.format(runner.epoch if hook.by_epoch else runner.iter)
        for key in hook.key_indicators:
            path = info.get('best_ckpt' if len(hook.key_indicators) == 1 else f'best_ckpt_{key}')
            if path and Path(path).name == f'best_{key}_{step}'.replace('/', '_'):
                best = key
    return best


def _scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Those metrics that are one number."""
    arrays = (np.ndarray, np.generic, torch.Tensor)
    items = {
        key: value.item() if isinstance(value, arrays) and np.prod(value.shape) == 1 else value
        for key, value in metrics.items()
    }
    return {key: float(item) for key, item in items.items() if isinstance(item, Real)}


def _name_shared(selection: Mapping[str, Any], tested: str) -> dict[str, Any]:
    """A selection whose splits say so where they share images with the test: what they chose is then an oracle."""
    named: list[dict[str, Any]] = []
    for held in (selection, *selection['choices']):
        split = held['split']
        if not is_test_split(split) and count_shared(held.get('image_marks', ''), tested):
            split = f'{split or "unnamed split"}, {TESTED_TOO}'
        named.append({**held, 'split': split})
    if any(str(held['split']).endswith(TESTED_TOO) for held in named):
        print_log(
            'the test meets images again that chose its checkpoint or a threshold: rows that follow this choice are oracles '
            'and marked so',
            logger='current',
            level=logging.WARNING,
        )
    return named[0] | dict(choices=named[1:])


def _check_holdout(train: Any, val: Any) -> None:
    """``ValueError`` if images held out for validation are trained on."""
    held_out = [data for data in plain_datasets(val) if getattr(data, 'held_out', False)]
    held = {name for data in held_out for name in image_names(data)}
    shared = sorted(held.intersection(image_names(train))) if held else []
    if shared:
        raise ValueError(
            f'{len(shared)} of {len(held)} images held out for validation are trained on, first {shared[0]}; state the '
            'same holdout and holdout_seed in train_dataloader.dataset and val_dataloader.dataset, held_out in '
            'validation only'
        )
