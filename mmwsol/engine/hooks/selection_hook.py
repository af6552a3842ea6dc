from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.runner.checkpoint import save_checkpoint

from mmwsol.compat import load_checkpoint_file
from mmwsol.evaluation.selection import is_test_split
from mmwsol.registry import HOOKS


@HOOKS.register_module()
class SelectionHook(Hook):
    """Carry what a validation chose from there, in the checkpoint, to the test.

    The entry ``selection`` of a checkpoint (see ``evaluation.selection``) holds the thresholds that the
    validation of this very state chose and all its metrics; in a ``best_*`` checkpoint also which of
    ``CheckpointHook``'s ``save_best`` it is kept for. The checkpoint of an epoch is written before the epoch is
    validated, so it gets its entry afterwards, by an atomic rewrite. A test takes the thresholds from there; a
    protocol that awaits one and finds none is an error.

    A split named test that chooses, a threshold or the best checkpoint, is warned of, and the rows are marked.
    """

    priority = 'LOW'  # before CheckpointHook, which saves the best checkpoint in the same place

    def __init__(self) -> None:
        self.selection: dict[str, Any] | None = None  # of the weights as they are now
        self._loaded_from = 'the model in memory'

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
        evaluated = runner.val_evaluator.metrics
        self.selection = dict(
            epoch=runner.epoch,
            iter=runner.iter,
            split=runner.val_dataloader.dataset.metainfo.get('split'),
            choices=[choice for metric in evaluated for choice in getattr(metric, 'choices', ())],
            metrics={key: float(value) for key, value in (metrics or {}).items()},
        )

    def after_val(self, runner: Runner) -> None:
        """Give the newest checkpoint its entry, if it is of this state."""
        if self.selection is None or not (self.selection['choices'] or _checkpoint_hooks(runner)):
            return
        path = Path(runner.message_hub.runtime_info.get('last_ckpt', ''))
        if is_main_process() and path.is_file():
            content = load_checkpoint_file(path, map_location='cpu')
            if content['meta'].get('iter') == runner.iter:
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
        for metric in runner.test_evaluator.metrics:
            if hasattr(metric, 'take_selection'):
                metric.take_selection(self.selection, self._loaded_from)


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


def _check_holdout(train: Any, val: Any) -> None:
    """``ValueError`` if images held out for validation are trained on."""
    keys = ('data_root', 'holdout', 'holdout_seed', 'held_out')
    if type(train) is not type(val) or not all(hasattr(val, key) for key in keys):
        return
    of_train, of_val = ([getattr(data, key) for key in keys] for data in (train, val))
    if val.held_out and train.data_root == val.data_root and of_train != [*of_val[:-1], False]:
        raise ValueError(
            f'images held out for validation are trained on: {", ".join(keys)} are {of_val} in '
            f'val_dataloader.dataset and {of_train} in train_dataloader.dataset; state the same holdout and '
            'holdout_seed in both, held_out in validation only'
        )
