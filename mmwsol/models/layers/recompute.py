from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


def linear_of(linear: Callable[[Tensor], Tensor], function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``linear(function(x))`` that keeps ``x`` instead of ``function(x)`` for the backward pass.

    A linear layer keeps its input to form the gradient of its weight. Where that input is cheap to make again from
    something that is kept anyway (a norm or an activation keeps ``x``), it is made again. Values and gradients do not
    change. Inputs that autocast converts are kept as they are.
    """
    made = function(x)

    def pack(tensor: Tensor) -> Any:
        return tensor.shape if tensor.data_ptr() == made_at and tensor.numel() == size else tensor

    def unpack(packed: Any) -> Tensor:
        if isinstance(packed, Tensor):
            return packed
        with torch.no_grad():
            return function(x).view(packed)

    made_at, size = made.data_ptr(), made.numel()
    if not made.requires_grad or made.device.type == 'meta':
        return linear(made)
    with saved_tensors_hooks(pack, unpack):
        return linear(made)
