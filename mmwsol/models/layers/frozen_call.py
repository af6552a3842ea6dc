from __future__ import annotations

from typing import Any

from torch import nn
from torch.func import functional_call


def frozen_call(module: nn.Module, *args: Any, prefixes: tuple[str, ...] = ('',), **kwargs: Any) -> Any:
    """Call ``module`` with the values of its parameters but without gradients into them.

    The module stays in its mode: batch norm in training normalises with the statistics of what it is given here, and
    what it would write to its running buffers is thrown away. Gradients still reach the inputs. This is a frozen
    copy of the module without the copy.

    Args:
        prefixes: only parameters and buffers whose names start with one of these are replaced; name the submodules
            that the call runs, to save touching the others.
    """
    state = {name: value.detach() for name, value in module.named_parameters() if name.startswith(prefixes)}
    state.update((name, value.clone()) for name, value in module.named_buffers() if name.startswith(prefixes))
    return functional_call(module, state, args, kwargs)
