"""Checkpoints of wsolevaluation's CAM, ACoL, SPG and ADL networks to ours: which tensor is which."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from mmwsol.models.backbones.pretrained_weights import plain_state_dict

METHODS = ('cam', 'acol', 'spg', 'adl')
_HEADS = (
    ('classifier_A', 'classifier_a'),
    ('classifier_B', 'classifier_b'),
    ('SPG_B_1a', 'branch_b1'),
    ('SPG_B_2a', 'branch_b2'),
    ('SPG_B_shared', 'shared_b'),
    ('SPG_C', 'branch_c'),
    ('SPG_A_3', 'hidden'),
    ('SPG_A_4', 'fc'),
    ('SPG_A4', 'fc'),
    ('conv6', 'hidden.0'),
    ('fc', 'fc'),
)
_VGG_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # torchvision's positions
_ADL_LAYERS = {'layer3': (1,), 'layer4': (1, 4)}  # positions that hold an ADL layer


def convert_wsolevaluation(content: Mapping, method: str) -> dict[str, Tensor]:
    """A checkpoint of wsolevaluation as the state dict of a ``Localizer`` with the shipped config's backbone and head.

    Takes the bare state dict or one wrapped in ``state_dict``, with or without ``module.``. HaS and CutMix have the
    network of ``cam``. The names do not tell the methods apart: InceptionV3 has the same ones with CAM and with ADL.

    Args:
        method: ``cam``, ``acol``, ``spg`` or ``adl``.

    Raises:
        ValueError: it lacks the classifier of the method's network.
    """
    if method not in METHODS:
        raise ValueError(f'method must be one of {METHODS}, got {method!r}')
    state = plain_state_dict(content)
    converted = {rename_wsolevaluation_key(key, method): value for key, value in _plain_vgg(state).items()}
    needed = {'acol': 'head.classifier_b.4.weight', 'spg': 'head.shared_b.2.weight'}.get(
        method, 'head.fc.weight'
    )
    if needed not in converted:
        raise ValueError(
            f'not a checkpoint of wsolevaluation with method {method}: no entry becomes {needed}; its keys start with '
            f'{list(state)[:4]} and end with {list(state)[-2:]}'
        )
    return converted


def rename_wsolevaluation_key(key: str, method: str) -> str:
    """Our name of a parameter or buffer of wsolevaluation."""
    for theirs, ours in _HEADS:
        if key.startswith(f'{theirs}.'):
            return f'head.{ours}{key[len(theirs) :]}'
    if match := re.fullmatch(
        r'SPG_A3_([12])b\.0\.(\w+)', key
    ):  # InceptionV3; dropout stands in front, but with ADL
        index = {'1': 0, '2': 2} if method == 'adl' else {'1': 1, '2': 4}
        return f'head.hidden.{index[match[1]]}.{match[2]}'
    return f'backbone.{_backbone_key(key, method)}'


def _plain_vgg(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """VGG16's ``features.*`` with torchvision's positions; ADL layers and a pool left out shift theirs."""
    positions = {int(key.split('.')[1]) for key in state if re.match(r'features\.\d', key)}
    ours = dict(zip(sorted(positions), _VGG_CONVOLUTIONS))
    return {
        re.sub(r'^features\.(\d+)', lambda m: f'features.{ours[int(m[1])]}', key): value
        for key, value in state.items()
    }


def _backbone_key(key: str, method: str) -> str:
    if match := re.fullmatch(r'SPG_A_([12])\.(\d)\.(\w+)', key):  # VGG16: conv4 and conv5
        return f'features.{(17, 24)[int(match[1]) - 1] + int(match[2])}.{match[3]}'
    if match := re.fullmatch(
        r'SPG_A([12])\.(\d)\.(.+)', key
    ):  # ResNet-50: layer3's block 0, and its blocks 1 to 5
        return f'layer3.{int(match[1]) - 1 + int(match[2])}.{match[3]}'
    match = re.fullmatch(r'(layer3|layer4)\.(\d)\.(.+)', key)
    if match is None or method != 'adl':
        return key
    layer, position = match[1], int(match[2])
    return f'{layer}.{position - sum(place < position for place in _ADL_LAYERS[layer])}.{match[3]}'
