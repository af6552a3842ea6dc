"""CAM, ACoL, SPG, ADL, HaS and CutMix of wsolevaluation against golden runs: forward, maps, losses, augmentations."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor

from mmwsol.models.data_preprocessors import CutMix, hide_tiles
from mmwsol.models.heads.spg_head import attention_guide, enlarge, fused_guide
from mmwsol.models.layers import ADL
from mmwsol.registry import MODELS
from mmwsol.structures import labelled_samples

from .parity import Comparison, Fixture, compare
from .parity_rebuild import crc_weights
from .run_config import drop_pretrained_weights, find_config
from .wsolevaluation_checkpoints import convert_wsolevaluation

TOLERANCE = 1e-4  # of each tensor's maximum


def check_wsol_models(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """Every network of the file, then what acts on images or features alone."""
    seed = np.random.RandomState(int(fixture['input_seed']))
    images = torch.from_numpy(seed.randn(len(fixture['labels']), 3, 224, 224).astype(np.float32))
    with DefaultScope.overwrite_default_scope('mmwsol'), torch.no_grad():
        for key in fixture:
            if key.endswith('_state_names'):
                yield from _check_network(fixture, key.removesuffix('_state_names'), images)
        yield from _check_hide_and_seek(fixture)
        yield from _check_cut_mix(fixture)
        yield from _check_adl(fixture)


def build_network(fixture: Fixture, prefix: str) -> Any:
    """The shipped configuration of ``ARCH_METHOD_lfmN`` with the fixture's classes, thresholds, map size and weights."""
    arch, method, large = re.fullmatch(r'(\w+)_(\w+)_lfm(\d)', prefix).groups()  # type: ignore[union-attr]
    cfg = Config.fromfile(find_config(f'{method}/{method}_{arch.replace("_", "")}_cub.py')).model
    drop_pretrained_weights(cfg)
    cfg.head.update(num_classes=int(fixture['num_classes']))
    if arch == 'inception_v3':
        cfg.backbone.update(pool_before_6=large == '0')
    else:
        strides = {'vgg16': (1, 2, 2, 2, 2), 'resnet50': (1, 2, 2, 1)}[arch]
        dropped = {'vgg16': (1, 2, 2, 2, 1), 'resnet50': (1, 2, 1, 1)}[arch]
        cfg.backbone.update(strides=dropped if large == '1' else strides)
    if method == 'acol':
        cfg.head.update(threshold=float(fixture['acol_threshold']))
    if method == 'spg':
        for name, (high, low) in zip(('loss_b2', 'loss_b1', 'loss_c'), fixture['spg_thresholds'].tolist()):
            cfg.head[name].update(high=high, low=low)
    model = MODELS.build(cfg)
    shapes = [tuple(map(int, re.findall(r'\d+', text))) for text in fixture[f'{prefix}_state_shapes']]
    names = fixture[f'{prefix}_state_names'].tolist()
    state = crc_weights(names, shapes, int(fixture['weight_seed']))
    model.load_state_dict(convert_wsolevaluation(state, method), strict=True)
    return model.eval()


def _check_network(fixture: Fixture, prefix: str, images: Tensor) -> Iterator[Comparison]:
    model = build_network(fixture, prefix)
    head, labels = model.head, torch.from_numpy(fixture['labels'])[:, None]
    feats = model.extract_feat(images)
    pre_logits = head.pre_logits(feats)
    maps = head.localize(pre_logits, labels)
    if getattr(head, 'form', '') == 'linear':
        maps = maps / pre_logits.shape[1]  # theirs is the channel mean of the products, ours the sum
    losses = head.loss(feats, labelled_samples(fixture['labels']), backbone=model.backbone, inputs=images)
    ours = dict(logits=head.classify(pre_logits), cam=maps[:, 0], loss=sum(losses.values()))
    ours.update(_branches(head, feats, pre_logits, labels, images.shape[-2:]))
    for name, value in ours.items():
        yield compare(f'{prefix}_{name}', value, fixture[f'{prefix}_{name}'], TOLERANCE, 'maximum')


def _branches(
    head: Any, feats: Sequence[Tensor], pre_logits: Any, labels: Tensor, size: Sequence[int]
) -> dict[str, Tensor]:
    """What ACoL's second classifier and SPG's branches put out, under the fixture's names."""
    if hasattr(head, 'complement'):
        _, hidden = head.complement(pre_logits, labels)
        return dict(logit_b=head.classifier_b[4](hidden.mean((2, 3), keepdim=True)).flatten(1))
    if not hasattr(head, 'mask_logits'):
        return {}
    b1, b2, c = head.mask_logits(feats, pre_logits)
    attention = attention_guide(head.localize(pre_logits, labels), size)
    fused = fused_guide(enlarge(b1, size), enlarge(b2, size))
    every4 = (..., slice(None, None, 4), slice(None, None, 4))
    return dict(
        attention_s4=attention[every4],
        fused_attention_s4=fused[every4],
        logits_b1=b1,
        logits_b2=b2,
        logits_c=c,
    )


def _check_hide_and_seek(fixture: Fixture) -> Iterator[Comparison]:
    """Tiles drawn as the authors draw them, image by image, row by row."""
    images = torch.from_numpy(fixture['has_in'])
    for key in fixture:
        match = re.fullmatch(r'has_grid(\d+)_rate([\d.]+)_seed(\d+)', key)
        if match:
            grid, rate, draw = int(match[1]), float(match[2]), random.Random(int(match[3]))
            rows, columns = (-(-side // grid) for side in images.shape[-2:])
            hidden = [draw.random() <= rate for _ in range(len(images) * rows * columns)]
            tiles = torch.tensor(hidden).view(-1, rows, columns)
            yield compare(key, hide_tiles(images, tiles, grid), fixture[key])


def _check_cut_mix(fixture: Fixture) -> Iterator[Comparison]:
    seed, images = int(fixture['cutmix_seed']), torch.from_numpy(fixture['has_in']).clone()
    before = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        np.random.seed(seed)
        torch.manual_seed(seed)
        weight, order = CutMix(beta=1.0).mix(images)
    np.random.set_state(before)
    yield compare('cutmix_out', images, fixture['cutmix_out'])
    yield compare('cutmix_ta', torch.arange(len(images)), fixture['cutmix_ta'])
    yield compare('cutmix_tb', order, fixture['cutmix_tb'])
    yield compare('cutmix_lam', weight, fixture['cutmix_lam'], 1e-12)


def _check_adl(fixture: Fixture) -> Iterator[Comparison]:
    features, layer = torch.from_numpy(fixture['has_in']), ADL().train()
    for key in (key for key in fixture if key.startswith('adl_seed')):
        seed = key.removeprefix('adl_seed')
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(seed))
            yield compare(f'adl_rand{seed}', torch.rand(()), fixture[f'adl_rand{seed}'])
            torch.manual_seed(int(seed))
            yield compare(key, layer(features), fixture[key], 1e-6)
