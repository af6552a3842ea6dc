"""Checkpoints of the authors' code to ours: which tensor is which."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from mmwsol.models.backbones.pretrained_weights import plain_state_dict

_VGG_CONVOLUTIONS = {
    f'conv{block}_{i}': f'features.{index}'
    for block, indices in enumerate([(0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)], 1)
    for i, index in enumerate(indices, 1)
}
_BAS_DROPPED = re.compile(r'.*_copy|erase_branch')


def convert_bas(content: Mapping) -> dict[str, Tensor]:
    """A BAS or BAS-Extension checkpoint as the state dict of a ``Localizer`` with ``BASHead``.

    Takes the bare state dict or ``dict(model=..., epoch=...)``, with or without ``module.``; drops the frozen copies that
    the CVPR release keeps for ILSVRC. CVPR checkpoints need ``final_relu=True`` in the head, the extension's ``False``.

    Raises:
        ValueError: it has no classifier and generator, so it is not a BAS checkpoint.
    """
    converted: dict[str, Tensor] = {}
    for key, value in plain_state_dict(content).items():
        if not _BAS_DROPPED.match(key):
            converted[rename_bas_key(key)] = value
    if 'head.generator.weight' not in converted or 'head.classifier.4.weight' not in converted:
        raise ValueError(
            'not a BAS checkpoint: it must hold classifier_loc.0.weight and classifier_cls.4.weight (or '
            f'classifier.4.weight); its keys start with {list(converted)[:4]}'
        )
    return converted


def rename_bas_key(key: str) -> str:
    """Our name of an official BAS parameter or buffer."""
    match = re.match(r'classifier(?:_cls)?\.(\d.*)', key)
    if match:
        return f'head.classifier.{match.group(1)}'
    if key.startswith('classifier_loc.0.'):
        return key.replace('classifier_loc.0.', 'head.generator.')
    module, _, leaf = key.rpartition('.')
    return f'backbone.{_VGG_CONVOLUTIONS.get(module, module)}.{leaf}'
