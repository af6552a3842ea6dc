from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mmwsol.models.layers import frozen_call

from .post_hoc_maps import PostHocMaps


class GradientMaps(PostHocMaps):
    """Base of maps from a layer's activations and the gradients of the class logits with respect to them.

    One forward pass a batch, which keeps a graph only from the layer on, and one backward pass for each kept class of all
    images together. A subclass gives ``weigh``.
    """

    def weigh(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """Map (N, h, w) of one class an image from activations (N, c, h, w) and the gradients of its logit, alike."""
        raise NotImplementedError(f'{type(self).__name__} must implement weigh()')

    def class_maps(
        self, localizer: Any, inputs: Tensor, choose: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        name, as_map = self.module_name(localizer), self.as_map(localizer, inputs)
        with gradient_leaf(localizer, name) as leaves:
            logits = frozen_call(localizer, inputs)  # (N, K)
        check_gradient_path(logits, leaves, name)
        labels = choose(logits.detach().float())
        totals = logits.gather(1, labels).sum(0)  # (C,): images do not depend on each other
        activations = as_map(leaves[-1].detach())
        maps = []
        for total in totals:
            (gradients,) = torch.autograd.grad(total, leaves[-1], retain_graph=True)
            maps.append(self.weigh(activations, as_map(gradients)))
        return logits, labels, torch.stack(maps, 1)


@contextmanager
def gradient_leaf(model: nn.Module, name: str) -> Iterator[list[Tensor]]:
    """Inside, what the layer puts out becomes a leaf of the graph: nothing in front of it is kept for a backward pass.

    Gives the list of these leaves, filled by the forward pass. The layers behind get a copy, so they may work in place.
    """
    leaves: list[Tensor] = []

    def cut(_: nn.Module, __: tuple, output: Any) -> Tensor:
        if not isinstance(output, Tensor):
            raise ValueError(
                f'{name!r} puts out {type(output).__name__}; name a layer that puts out one tensor'
            )
        leaves[:] = [output.detach().requires_grad_()]
        return leaves[0].clone()

    handle = model.get_submodule(name).register_forward_hook(cut)
    try:
        yield leaves
    finally:
        handle.remove()


def check_gradient_path(logits: Tensor, leaves: Sequence[Tensor], name: str) -> None:
    """``ValueError`` unless the layer ran and the logits of a frozen call have a gradient, which only it can give them."""
    if not leaves or not logits.requires_grad:
        raise ValueError(f'the class scores do not depend on {name!r}; choose another layer')
