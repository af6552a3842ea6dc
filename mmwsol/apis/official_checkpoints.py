"""Checkpoints of the authors' code to ours: which tensor is which."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from mmwsol.models.backbones.pretrained_weights import plain_state_dict
from mmwsol.models.layers import TargetSampleAssigner

from .wsolevaluation_checkpoints import METHODS, convert_wsolevaluation

_VGG_CONVOLUTIONS = {
    f'conv{block}_{i}': f'features.{index}'
    for block, indices in enumerate([(0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)], 1)
    for i, index in enumerate(indices, 1)
}
_CONFORMER_HEADS = {'trans_cls_head': 'head.semantic', 'conv_cls_head': 'head.conv_classifier'}
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


def rename_conformer_key(key: str) -> str:
    """Our name of a parameter or buffer of the authors' Conformer, as TS-CAM and SCM save it.

    The backbone's layers keep their names and layouts. Of the two classifiers the 3x3 convolution on the patch map is
    ``head.semantic``, the linear layer on the pooled convolutional map ``head.conv_classifier``.

    Raises:
        ValueError: a parameter of SCM's diffusion blocks, ``layers.*``, which are no part of the Conformer.
    """
    if key.startswith('layers.'):
        raise ValueError(
            f'{key} belongs to a diffusion block of SCM, not to its Conformer; rename or drop the keys layers.* first'
        )
    module, _, leaf = key.rpartition('.')
    return f'{_CONFORMER_HEADS[module]}.{leaf}' if module in _CONFORMER_HEADS else f'backbone.{key}'


_DIFFUSION = {'thred': 'head.diffusion.thresholds', 'fuse._loss_rate': 'head.diffusion.affinity_weights'}
_SAT_NAMES = {'loc_token': 'backbone.spatial_token', 'loc_embed': 'backbone.spatial_embed'}


def convert_tscam(content: Mapping) -> dict[str, Tensor]:
    """A TS-CAM or SCM checkpoint (ViT or Conformer) as the state dict of a ``Localizer`` with ``TSCAMHead``.

    Takes the bare state dict or ``dict(state_dict=..., epoch=...)``, with or without ``module.``. The scalars of SCM's
    diffusion blocks are stacked: they need ``diffusion`` in the head.

    Raises:
        ValueError: it has no 3x3 convolution as classifier, so it is not a TS-CAM checkpoint.
    """
    state = plain_state_dict(content)
    rename = rename_conformer_key if 'trans_cls_head.weight' in state else rename_tscam_key
    converted = {rename(key): value for key, value in state.items() if not key.startswith('layers.')}
    for leaf, name in _DIFFUSION.items():
        scalars = [state[key] for key in sorted(state) if key.startswith('layers.') and key.endswith(leaf)]
        if scalars:
            converted[name] = torch.cat(scalars)
    _check_classifier(converted, 'TS-CAM', 'head.weight (K, D, 3, 3)')
    return converted


def rename_tscam_key(key: str) -> str:
    """Our name of a parameter of the authors' ViT, as TS-CAM and SCM save it."""
    module, _, leaf = key.rpartition('.')
    return f'head.semantic.{leaf}' if module == 'head' else f'backbone.net.{key}'


def convert_sat(content: Mapping) -> dict[str, Tensor]:
    """A SAT checkpoint as the state dict of a ``Localizer`` with ``SpatialTokenViT`` and ``SATHead``.

    Takes ``dict(model=..., best_thr=..., epoch=...)`` or the bare state dict, with or without ``module.``; the constant
    filter ``weight`` of its normalisation loss is dropped.

    Raises:
        ValueError: it has no spatial token, so it is not a SAT checkpoint.
    """
    state = plain_state_dict(content)
    converted = {rename_sat_key(key): value for key, value in state.items() if key != 'weight'}
    if 'backbone.spatial_token' not in converted:
        raise ValueError(
            f'not a SAT checkpoint: it must hold loc_token; its keys start with {list(state)[:4]}'
        )
    _check_classifier(converted, 'SAT', 'head.weight (K, D, 3, 3)')
    return converted


def rename_sat_key(key: str) -> str:
    """Our name of a parameter of the authors' SAT."""
    return _SAT_NAMES.get(key) or rename_tscam_key(key)


_DAWSOL_MODULES = {'fc': 'head.fc', 'SPG_A3_1b.0': 'head.hidden.1', 'SPG_A3_2b.0': 'head.hidden.4'}


def convert_dawsol(content: Mapping) -> dict[str, Tensor]:
    """A DA-WSOL checkpoint (ResNet-50 or InceptionV3) as the state dict of a ``Localizer`` with ``DAWSOLHead``.

    Takes extractor and classifier in one state dict or in two of one mapping, with or without ``module.``. The authors' code
    does not save the anchors: they start anew.

    Raises:
        ValueError: it has no 1x1 convolution as classifier, so it is not a DA-WSOL checkpoint.
    """
    parts = [value for value in content.values() if isinstance(value, Mapping)] or [content]
    states = [part for part in parts if any(isinstance(value, Tensor) for value in part.values())]
    state = {key: value for part in states for key, value in plain_state_dict(part).items()}
    converted = {rename_dawsol_key(key): value for key, value in state.items()}
    weight = converted.get('head.fc.weight')
    if weight is None or weight.ndim != 4:
        raise ValueError(
            f'not a DA-WSOL checkpoint: it must hold fc.weight (K, C, 1, 1); its keys start with {list(converted)[:4]}'
        )
    classes, channels = weight.shape[:2]
    anchors = TargetSampleAssigner(classes, channels).state_dict()
    return converted | {f'head.assigner.{key}': value for key, value in anchors.items()}


def rename_dawsol_key(key: str) -> str:
    """Our name of a parameter or buffer of the authors' extractor or classifier."""
    module, _, leaf = key.rpartition('.')
    return f'{_DAWSOL_MODULES.get(module, f"backbone.{module}")}.{leaf}'


def _check_classifier(converted: Mapping[str, Tensor], method: str, expected: str) -> None:
    weight = converted.get('head.semantic.weight')
    if weight is None or weight.ndim != 4:
        raise ValueError(
            f'not a {method} checkpoint: it must hold {expected}; its keys start with {list(converted)[:4]}'
        )


CONVERTERS: dict[str, Callable[[Mapping], dict[str, Tensor]]] = {
    'bas': convert_bas,
    **{method: partial(convert_wsolevaluation, method=method) for method in METHODS},
    **{method: partial(convert_wsolevaluation, method='cam') for method in ('has', 'cutmix')},
    'tscam': convert_tscam,
    'scm': convert_tscam,
    'sat': convert_sat,
    'dawsol': convert_dawsol,
}
