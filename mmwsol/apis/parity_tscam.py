"""TS-CAM and SCM against golden runs: forward, diffusion blocks, losses, gradients, maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.registry import DefaultScope
from numpy.typing import NDArray
from torch import Tensor

from mmwsol.models.layers import GridOperator, diffuse
from mmwsol.models.necks.activation_diffusion import neighbour_cosines
from mmwsol.structures import labelled_samples

from .official_checkpoints import convert_tscam, rename_conformer_key, rename_tscam_key
from .parity import Comparison, Fixture, compare
from .parity_protocols import compare_scm_protocol, compare_tscam_protocol, parse_boxes
from .parity_rebuild import (
    build_tiny,
    check_gradients,
    check_rebuilt,
    draw_weights,
    golden_input,
    load_converted,
    stored_sizes,
    torch_state,
)

CONFORMER_WIDTH = 256  # channels of the last convolutional map at ratio 1
BLOCK_TOLERANCE = {True: 5e-5, False: 5e-4}  # first diffusion block, later ones


def vit_weights(fixture: Fixture, perturb: bool = False) -> dict[str, NDArray]:
    """The weight rule of the TS-CAM and SCM fixtures; ``perturb`` moves SCM's scalars from their start."""
    out, noise = {}, 0.05 if perturb else 0.0
    names = fixture['state_keys'].tolist()
    for key, draw in draw_weights(names, fixture['state_shapes'], int(fixture['weight_seed'])):
        if key.endswith('running_var'):
            value = 1 + 0.1 * np.abs(draw)
        elif key.endswith('running_mean') or key in ('pos_embed', 'cls_token'):
            value = 0.1 * draw
        elif key.endswith(('.thred', '_loss_rate')):
            value = (0.5 if key.endswith('.thred') else 1.0) + noise * draw
        elif key.endswith('bias'):
            value = 0.02 * draw
        else:
            value = 1 + 0.1 * draw if draw.ndim == 1 else draw / np.sqrt(np.prod(draw.shape[1:]))
        out[key] = value.astype(np.float32)
    return out


def check_tscam(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """TS-CAM on a tiny ViT."""
    with DefaultScope.overwrite_default_scope('mmwsol'):
        _, model = build_tiny('tscam/tscam_deitsmall_cub.py', **stored_sizes(fixture))
        weights, images = vit_weights(fixture), golden_input(fixture)
        yield from check_rebuilt(fixture, weights, images)
        model.load_state_dict(convert_tscam(torch_state(weights)), strict=True)
        model.eval()
        with torch.no_grad():
            rows, tokens = model.extract_feat(images)
            pre_logits = model.head.pre_logits((rows, tokens))
            every = torch.arange(model.head.num_classes).expand(len(images), -1)
            yield compare('patch_tokens', tokens.flatten(2).mT, fixture['patch_tokens'], 1e-5, 'maximum')
            yield compare('attn_cls_rows', rows.transpose(0, 1), fixture['attn_cls_rows'], 1e-5, 'maximum')
            yield compare('attn_map', pre_logits.attention[:, 0], fixture['attn_map'], 1e-5, 'maximum')
            yield compare('semantic', model.head.semantic(tokens), fixture['semantic'], 1e-5, 'maximum')
            cams = model.head.localize(pre_logits, every)
            yield compare('cams', cams, fixture['cams'], 1e-5, 'maximum')
            logits = model.head.classify(pre_logits)
            yield compare('logits', logits, fixture['logits'], 1e-5, 'maximum')
        yield from compare_tscam_protocol(fixture, *stored_predictions(fixture, 'cams'))
        for prefix, dtype, tolerance in (('', torch.float32, 5e-5), ('f64/', torch.float64, 1e-6)):
            yield from _check_tscam_training(fixture, model.to(dtype), images.to(dtype), prefix, tolerance)


def _check_tscam_training(
    fixture: Fixture, model: Any, images: Tensor, prefix: str, tolerance: float
) -> Iterator[Comparison]:
    model.train().zero_grad()
    feats = model.extract_feat(images)
    loss = model.head.loss(feats, labelled_samples(fixture['labels']))['loss_cls']
    if not prefix:
        yield compare('train_logits', model.head(feats).detach(), fixture['train_logits'], 1e-5, 'maximum')
    yield compare(f'{prefix}loss_cls', loss.item(), fixture[f'{prefix}loss_cls'], 1e-5, 'element')
    loss.backward()
    yield from check_gradients(fixture, model, prefix, tolerance, rename_tscam_key)


def stored_predictions(fixture: Fixture, maps: str) -> tuple[Tensor, Tensor, NDArray, list[NDArray]]:
    """Stored maps, logits, labels and true boxes: what the protocols are fed with, so that boxes are exact."""
    boxes = [parse_boxes(text) for text in fixture['gt_boxes']]
    return torch.from_numpy(fixture[maps]), torch.from_numpy(fixture['logits']), fixture['labels'], boxes


def check_scm(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """SCM on a tiny ViT: every diffusion block, with its scalars at their start and moved, in float32 and float64."""
    with DefaultScope.overwrite_default_scope('mmwsol'):
        _, model = build_tiny('scm/scm_deitsmall_cub.py', **stored_sizes(fixture))
        images = golden_input(fixture)
        yield from check_rebuilt(fixture, vit_weights(fixture), images)
        predictions = stored_predictions(fixture, 'pred_map')
        yield from compare_tscam_protocol(fixture, *predictions)
        yield from compare_scm_protocol(fixture, *predictions)
        for prefix in ('', 'pert/'):
            state = torch_state(vit_weights(fixture, perturb=bool(prefix)))
            model.float().load_state_dict(convert_tscam(state), strict=True)
            yield from _check_scm_test(fixture, model, images, prefix)
            yield from _check_scm_training(fixture, model, images, prefix)
            yield from _check_scm_double(fixture, model.double(), images.double(), prefix)


@torch.no_grad()
def _check_scm_test(fixture: Fixture, model: Any, images: Tensor, prefix: str) -> Iterator[Comparison]:
    model.eval()
    head, feats = model.head, model.extract_feat(images)
    pre_logits = head.pre_logits(feats)
    every = torch.arange(head.num_classes).expand(len(images), -1)
    cams = head.localize(pre_logits, every)
    yield compare(f'{prefix}logits', head.classify(pre_logits), fixture[f'{prefix}logits'], 1e-5, 'maximum')
    yield compare(f'{prefix}pred_map', cams, fixture[f'{prefix}pred_map'], 1e-5, 'maximum')
    attention = head.coupled_attention(pre_logits)
    yield compare(f'{prefix}pred_attn', attention, fixture[f'{prefix}pred_attn'], 1e-5, 'maximum')
    semantic = head.semantic(pre_logits.tokens)
    yield compare(f'{prefix}pred_semantic', semantic, fixture[f'{prefix}pred_semantic'], 1e-5, 'maximum')


def _check_scm_training(fixture: Fixture, model: Any, images: Tensor, prefix: str) -> Iterator[Comparison]:
    model.train().zero_grad()
    head, feats = model.head, model.extract_feat(images)
    pre_logits = head.pre_logits(feats)
    yield compare(
        f'{prefix}train_logits', head(feats).detach(), fixture[f'{prefix}train_logits'], 1e-4, 'maximum'
    )
    with torch.no_grad():
        yield from _check_diffusion_blocks(fixture, head, pre_logits, prefix)
    loss = head.loss(feats, labelled_samples(fixture['labels']))['loss_cls']
    yield compare(f'{prefix}loss_cls', loss.item(), fixture[f'{prefix}loss_cls'], 1e-4, 'element')
    loss.backward()
    yield from check_gradients(fixture, model, prefix, 5e-4, rename_tscam_key)
    for name, ours in (('lambda', head.diffusion.affinity_weights), ('theta', head.diffusion.thresholds)):
        yield compare(
            f'{prefix}block0/grad_{name}',
            ours.grad[:1],
            fixture[f'{prefix}block0/grad_{name}'],
            5e-4,
            'element',
        )


def _check_diffusion_blocks(
    fixture: Fixture, head: Any, pre_logits: Any, prefix: str
) -> Iterator[Comparison]:
    semantic = head.semantic(pre_logits.tokens)
    neck = head.diffusion
    for index, (weights, parts) in enumerate(neck.diffuse_all(pre_logits.attention[:, 0], semantic)):
        tolerance = BLOCK_TOLERANCE[index == 0]
        for name, value in parts.items():
            key = f'{prefix}block{index}/{name}'
            yield compare(key, value.flatten(1), fixture[key], tolerance, 'maximum')
        key = f'{prefix}block{index}/x_out'
        yield compare(key, semantic * weights[:, None], fixture[key], tolerance, 'maximum')
        for name, ours in (('lambda', neck.affinity_weights), ('theta', neck.thresholds)):
            yield compare(
                f'{prefix}block{index}/{name}',
                ours[index : index + 1],
                fixture[f'{prefix}block{index}/{name}'],
            )
    right, down = neighbour_cosines(semantic)
    yield from _check_rows(fixture, neck, semantic, right, down, prefix)


def _check_rows(
    fixture: Fixture, neck: Any, semantic: Tensor, right: Tensor, down: Tensor, prefix: str
) -> Iterator[Comparison]:
    """The stored rows of the affinity, at our neighbours, and of the approximate inverse."""
    golden = torch.from_numpy(fixture[f'{prefix}block0/E_row'])  # (N, rows, P)
    height, width = semantic.shape[-2:]
    rows = range(golden.shape[1])
    neighbours = golden.diagonal(1, 1, 2)[:, : len(rows)]  # E[p, p + 1]
    yield compare(f'{prefix}block0/E_row, right', right.flatten(1)[:, : len(rows)], neighbours, 1e-5)
    below = golden.diagonal(width, 1, 2)[:, : len(rows)]
    yield compare(f'{prefix}block0/E_row, down', down.flatten(1)[:, : len(rows)], below, 1e-5)
    basis = torch.eye(height * width)[: len(rows)].view(len(rows), height, width)
    for index in (i for i in range(len(neck.steps)) if f'{prefix}block{i}/Linv_T_row' in fixture):
        operator = GridOperator.from_affinities(right, down, neck.affinity_weights[index])
        ours = [
            diffuse(operator, e.expand_as(operator.diagonal), neck.steps[index], neck.alpha) for e in basis
        ]
        stacked = torch.stack(ours, dim=1).flatten(2)
        key = f'{prefix}block{index}/Linv_T_row'
        yield compare(key, stacked, fixture[key], BLOCK_TOLERANCE[index == 0], 'maximum')


def _check_scm_double(fixture: Fixture, model: Any, images: Tensor, prefix: str) -> Iterator[Comparison]:
    """What float32 noise hides: the gradients of the later blocks' scalars."""
    model.train().zero_grad()
    feats = model.extract_feat(images)
    head, prefix = model.head, f'f64/{prefix}'
    yield compare(
        f'{prefix}train_logits', head(feats).detach(), fixture[f'{prefix}train_logits'], 1e-6, 'maximum'
    )
    loss = head.loss(feats, labelled_samples(fixture['labels']))['loss_cls']
    yield compare(f'{prefix}loss_cls', loss.item(), fixture[f'{prefix}loss_cls'], 1e-6, 'element')
    loss.backward()
    yield from check_gradients(fixture, model, prefix, 1e-6, rename_tscam_key)
    for index in range(len(head.diffusion.steps)):
        for name, ours in (('lambda', head.diffusion.affinity_weights), ('theta', head.diffusion.thresholds)):
            key = f'{prefix}block{index}/grad_{name}'
            yield compare(key, ours.grad[index : index + 1], fixture[key], 1e-6, 'element')


def check_scm_conformer(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """SCM on a tiny Conformer: four diffusion blocks, at test as well."""
    with DefaultScope.overwrite_default_scope('mmwsol'):
        sizes = stored_sizes(fixture)
        channels = int(
            fixture['state_shapes'][fixture['state_keys'].tolist().index('conv_cls_head.weight')][1]
        )
        _, model = build_tiny(
            'scm/scm_conformersmall_cub.py', **sizes, channel_ratio=channels // CONFORMER_WIDTH
        )
        model.head.conv_classifier = torch.nn.Linear(channels, sizes['num_classes'])
        weights, images = vit_weights(fixture), golden_input(fixture)
        yield from check_rebuilt(fixture, weights, images)
        state = convert_tscam(torch_state(weights))
        for prefix, dtype, tolerance in (('', torch.float32, 1e-3), ('f64/', torch.float64, 1e-6)):
            load_converted(model.to(dtype), state)
            if not prefix:
                yield from _check_conformer_test(fixture, model.eval(), images)
            model.train().zero_grad()
            feats = model.extract_feat(images.to(dtype))
            loss = model.head.loss(feats, labelled_samples(fixture['labels']))['loss_cls']
            if not prefix:
                yield compare(
                    'train_logits', model.head(feats).detach(), fixture['train_logits'], 1e-4, 'maximum'
                )
            yield compare(f'{prefix}loss_cls', loss.item(), fixture[f'{prefix}loss_cls'], 1e-4, 'element')
            loss.backward()
            yield from _check_conformer_gradients(fixture, model, prefix, tolerance)


@torch.no_grad()
def _check_conformer_test(fixture: Fixture, model: Any, images: Tensor) -> Iterator[Comparison]:
    pre_logits = model.head.pre_logits(model.extract_feat(images))
    every = torch.arange(model.head.num_classes).expand(len(images), -1)
    yield compare('logits', model.head.classify(pre_logits), fixture['logits'], 1e-4, 'maximum')
    yield compare('cams', model.head.localize(pre_logits, every), fixture['cams'], 1e-4, 'maximum')


def _check_conformer_gradients(
    fixture: Fixture, model: Any, prefix: str, tolerance: float
) -> Iterator[Comparison]:
    """Norms and full gradients; the scalars of the diffusion, and what is zero but for rounding, in float64 only."""
    parameters = dict(model.named_parameters())
    golden = dict(zip(fixture['grad_names'].tolist(), fixture[f'{prefix}grad_l2'].tolist()))
    floor = 1e-6 * max(golden.values())
    names = [name for name in golden if not name.startswith('layers.') and golden[name] > floor]
    ours = [parameters[rename_conformer_key(name)].grad.double().norm() for name in names]
    yield compare(f'{prefix}grad_l2', ours, [golden[name] for name in names], tolerance, 'element')
    for key in (key for key in fixture if key.startswith(f'{prefix}grad/')):
        name = key.removeprefix(f'{prefix}grad/')
        if not name.startswith('layers.'):
            yield compare(
                key, parameters[rename_conformer_key(name)].grad, fixture[key], tolerance, 'maximum'
            )
        elif prefix:
            kind = (
                model.head.diffusion.thresholds
                if name.endswith('thred')
                else model.head.diffusion.affinity_weights
            )
            index = int(name.split('.')[1])
            yield compare(key, kind.grad[index : index + 1], fixture[key], tolerance, 'element')
