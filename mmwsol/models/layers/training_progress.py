"""Where the running MMEngine training loop stands, for modules that change with it."""

from __future__ import annotations

from mmengine.logging import MessageHub


def current_epoch() -> int | None:
    """Index of the running epoch, from 0; None outside of a training loop."""
    return _running_info('epoch')


def training_progress() -> float:
    """Share of the loop's iterations that are done, in [0, 1); 0 outside of a training loop."""
    return (_running_info('iter') or 0) / (_running_info('max_iters') or 1)


def _running_info(key: str) -> int | None:
    hub = MessageHub.get_current_instance()
    return hub.get_info(key) if hub.get_info('loop_stage') is not None else None
