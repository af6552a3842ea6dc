from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mmwsol.models.layers import frozen_call
from mmwsol.registry import MODELS

from .gradient_maps import check_gradient_path, gradient_leaf
from .post_hoc_maps import PostHocMaps

FROM_GRADIENTS = ('GradCAM', 'XGradCAM', 'LayerCAM')
FROM_CLASSES = ('CAM', 'ScoreCAM', 'SSCAM', 'ISCAM')


@MODELS.register_module()
class TorchCAM(PostHocMaps):
    """Post-hoc maps of the package torchcam (``pip install mmwsol[maps]``), for whole batches and all kept classes.

    Args:
        method: of ``torchcam.methods``. ``GradCAM`` (Selvaraju et al., ICCV 2017), ``XGradCAM`` (Fu et al., BMVC 2020) and
            ``LayerCAM`` (Jiang et al., TIP 2021) take one backward pass a kept class. ``CAM`` (Zhou et al., CVPR 2016)
            reads the classifier behind the pooling, ``fc_layer`` (default ``head.fc``), and keeps negative values; its layer
            -1 is what that classifier reads, ``head.hidden`` where the head has convolutions of its own.
            ``ScoreCAM`` (Wang et al., CVPRW 2020), ``SSCAM`` and ``ISCAM`` classify the image once for each channel
            and kept class: keep the true class alone (``model.head.topk=0``) where the protocol needs no other.
        options: of the torchcam class, such as ``batch_size`` of masked images for ``ScoreCAM``.

    The methods from gradients never wait for the device; the others bring the labels to the host, once a kept class.

    Raises:
        ValueError: another method. torchcam's Grad-CAM++ lacks a denominator (0.5.0): take ``GradCAMPlusPlus``.
        ImportError: torchcam is not installed.
    """

    def __init__(self, method: str, layer: int | str = -1, **options: Any) -> None:
        super().__init__(layer)
        if method not in FROM_GRADIENTS + FROM_CLASSES:
            raise ValueError(
                f'method must be one of {FROM_GRADIENTS + FROM_CLASSES}, got {method!r}; Grad-CAM++ is '
                "dict(type='GradCAMPlusPlus')"
            )
        try:
            from torchcam import methods
        except ImportError as error:
            raise ImportError(
                f"{method} maps need torchcam: pip install 'mmwsol[maps]' (Python 3.11+)"
            ) from error
        self.method = method
        self.extractor = getattr(methods, method)
        self.options = {'fc_layer': 'head.fc', **options} if method == 'CAM' else options

    def class_maps(
        self, localizer: Any, inputs: Tensor, choose: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        self._check_classifier(localizer)
        name, as_map = self.module_name(localizer), self.as_map(localizer, inputs)
        leaf = gradient_leaf(localizer, name) if self.method in FROM_GRADIENTS else nullcontext()
        with (
            leaf as leaves,
            self.extractor(localizer, name, reshape_transform=as_map, **self.options) as extract,
            copied_output(localizer, name),  # torchcam keeps the output itself
        ):
            logits = frozen_call(localizer, inputs)  # (N, K)
            if leaves is not None:
                check_gradient_path(logits, leaves, name)
            labels = choose(logits.detach().float())
            of_labels = self._from_gradients if self.method in FROM_GRADIENTS else self._from_classes
            maps = [of_labels(extract, logits, column) for column in labels.T]
        return logits, labels, torch.stack(maps, 1)

    def module_name(self, localizer: Any) -> str:
        hidden = getattr(localizer.head, 'hidden', ())
        if (
            self.method == 'CAM'
            and self.layer == -1
            and self.options['fc_layer'] == 'head.fc'
            and len(hidden)
        ):
            return 'head.hidden'
        return super().module_name(localizer)

    @staticmethod
    def _from_gradients(extract: Any, logits: Tensor, labels: Tensor) -> Tensor:
        scores = logits.gather(
            1, labels[:, None]
        )  # each image's own class as class 0: nothing leaves the device
        return extract(0, scores, normalized=False, retain_graph=True)[0]  # (N, h, w)

    @staticmethod
    def _from_classes(extract: Any, logits: Tensor, labels: Tensor) -> Tensor:
        return extract(labels.tolist(), normalized=False)[0]  # (N, h, w)

    def _check_classifier(self, localizer: Any) -> None:
        """``ValueError`` unless the layer that CAM reads is linear."""
        if self.method != 'CAM':
            return
        name = self.options['fc_layer']
        weight = getattr(dict(localizer.named_modules()).get(name), 'weight', None)
        if weight is None or weight.shape[2:].numel() != 1:
            raise ValueError(
                f'CAM reads a linear classifier behind global average pooling, and {name!r} of '
                f"{type(localizer.head).__name__} is none; name one with fc_layer, or take method='GradCAM'"
            )


@contextmanager
def copied_output(model: nn.Module, name: str) -> Iterator[None]:
    """Inside, the layers behind ``name`` get a copy of its output, so they may work in place."""
    handle = model.get_submodule(name).register_forward_hook(lambda _, __, output: output.clone())
    try:
        yield
    finally:
        handle.remove()
