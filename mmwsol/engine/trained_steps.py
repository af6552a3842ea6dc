from __future__ import annotations

from mmengine.runner import Runner


def trained_steps(runner: Runner) -> tuple[int, int]:
    """Epochs and iterations that a runner has trained; (0, 0) if it only validates or tests.

    ``runner.epoch`` and ``runner.iter`` would build the training loop there, and so need the training images.
    """
    if runner._train_loop is None or isinstance(runner._train_loop, dict):
        return 0, 0
    return runner.epoch, runner.iter
