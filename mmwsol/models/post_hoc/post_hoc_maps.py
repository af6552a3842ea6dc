from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mmwsol.models.heads import LocHead
from mmwsol.models.layers import at_least_float32, without_autocast
from mmwsol.structures import LocDataSample, store_predictions


class PostHocMaps:
    """Base of the maps that are read off a trained classifier at test time, in place of its head's own.

    ``Localizer(maps=...)`` and ``tools/test.py --maps`` put one over any model whose head is a ``LocHead``; scores stay the
    classifier's. It adds no parameter, works inside ``no_grad``, and runs in float32 under autocast. A subclass gives
    ``class_maps``. Letters: N batch, K classes, C kept classes.

    Args:
        layer: whose output is read: a module by its name in the localizer (``backbone.layer3``, ``head.hidden``), which must
            put out one tensor, maps (N, c, h, w) or tokens (N, L, D); or a number, the stage of the backbone as its
            ``layer_name`` understands it: the end of a convolutional stage, the first norm of a transformer block (behind
            the last attention the patches no longer reach the class token). Negative ones count from the end.
    """

    def __init__(self, layer: int | str = -1) -> None:
        self.layer = layer

    def class_maps(
        self, localizer: Any, inputs: Tensor, choose: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, K) of images (N, 3, H, W), their kept classes ``choose(logits)`` (N, C), raw maps (N, C, h, w)."""
        raise NotImplementedError(f'{type(self).__name__} must implement class_maps()')

    def predict(
        self, localizer: Any, inputs: Tensor, data_samples: list[LocDataSample]
    ) -> list[LocDataSample]:
        """Scores of all classes and maps of the kept ones, as the head's ``predict`` puts them into the samples.

        The classes kept are those of ``LocHead``: ``topk`` and ``keep_gt`` of the head hold, also where the head's own
        map knows no class.
        """
        head = localizer.head
        if not isinstance(head, LocHead):
            raise TypeError(
                f'post-hoc maps need a head based on LocHead, which names the kept classes; got {type(head).__name__}'
            )

        def choose(logits: Tensor) -> Tensor:
            return LocHead.kept_labels(head, logits, data_samples)

        with torch.enable_grad(), without_autocast(inputs):
            logits, labels, maps = self.class_maps(localizer, at_least_float32(inputs), choose)
        scores = logits.detach().float().softmax(1)
        return store_predictions(data_samples, scores, maps.detach().float(), labels)

    def module_name(self, localizer: Any) -> str:
        """Name of the layer in the localizer.

        Raises:
            ValueError: there is no such layer, or the backbone does not number its layers.
        """
        if isinstance(self.layer, str):
            names = [name for name, _ in localizer.named_modules() if name]
            if self.layer not in names:
                close = get_close_matches(self.layer, names, n=6, cutoff=0.4) or names[:6]
                raise ValueError(f'the model has no layer {self.layer!r}; similar ones: {close}')
            return self.layer
        backbone = localizer.backbone
        if not hasattr(backbone, 'layer_name'):
            raise ValueError(
                f'{type(backbone).__name__} does not number its layers (it has no layer_name); give layer as a module '
                "name, such as 'backbone.layer4'"
            )
        return f'backbone.{backbone.layer_name(self.layer)}'

    @staticmethod
    def as_map(localizer: Any, inputs: Tensor) -> Callable[[Tensor], Tensor]:
        """What turns the output of a layer, tokens (N, L, D) or maps, into maps (N, c, h, w)."""
        return partial(_as_map, localizer.backbone, (inputs.shape[-2], inputs.shape[-1]))


def _as_map(backbone: Any, image_size: tuple[int, int], output: Tensor) -> Tensor:
    if output.ndim == 4:
        return output
    if output.ndim == 3 and hasattr(backbone, 'token_map'):
        return backbone.token_map(output, image_size)
    raise ValueError(
        f'a post-hoc map needs a layer that puts out maps (N, c, h, w), or tokens (N, L, D) of a backbone with token_map; '
        f'got {tuple(output.shape)} of {type(backbone).__name__}'
    )
