"""SAT against golden runs: tokens, masks, losses, gradients, one AdamW step, boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mmwsol.evaluation.functional.boxes import pairwise_iou
from mmwsol.evaluation.localization import protocol_boxes, protocol_heatmaps, protocol_levels
from mmwsol.evaluation.protocols import get_protocol
from mmwsol.models.layers import project_qkv, spatial_mask
from mmwsol.structures import labelled_samples

from .official_checkpoints import convert_sat, rename_sat_key
from .parity import Comparison, Fixture, compare
from .parity_rebuild import (
    build_tiny,
    check_gradients,
    check_rebuilt,
    draw_weights,
    golden_input,
    stored_sizes,
    torch_state,
)
from .parity_sat_evaluation import check_sat_evaluation

HEAD_WIDTH = 16  # channels of an attention head in the tiny models
NOISE = 1e-7  # gradients below are rounding errors


def sat_weights(fixture: Fixture) -> dict[str, NDArray]:
    """The weight rule of the SAT fixtures."""
    out = {}
    names = fixture['state_keys'].tolist()
    for key, draw in draw_weights(names, fixture['state_shapes'], int(fixture['weight_seed'])):
        if key.endswith(('norm1.weight', 'norm2.weight')) or key == 'norm.weight':
            value = 1 + 0.1 * draw
        elif key.endswith('.bias'):
            value = 0.05 * draw
        elif key in ('cls_token', 'loc_token', 'pos_embed', 'loc_embed'):
            value = 0.5 * draw
        elif key in ('patch_embed.proj.weight', 'head.weight'):
            value = (2 if key == 'head.weight' else 1) * draw / np.sqrt(np.prod(draw.shape[1:]))
        else:
            value = draw / np.sqrt(draw.shape[1])
            value[: 2 * len(value) // 3 if 'attn.qkv.weight' in key else 0] *= 1.2  # query and key rows
        out[key] = np.ascontiguousarray(value, dtype=np.float32)
    return out


def check_sat(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """SAT on a tiny ViT."""
    with DefaultScope.overwrite_default_scope('mmwsol'):
        cfg, model = build_tiny('sat/sat_deitsmall_cub.py', **stored_sizes(fixture))
        weights, images = sat_weights(fixture), golden_input(fixture)
        yield from check_rebuilt(fixture, weights, images)
        model.load_state_dict(convert_sat(torch_state(weights)), strict=True)
        model.head.loss_area.target = float(fixture['area_target'])
        model.eval()
        with torch.no_grad():
            yield from _check_sat_tokens(fixture, model.backbone, images)
        yield from _check_sat_forward(fixture, model, images)
        yield from _check_sat_step(fixture, cfg, model)
        yield from _check_sat_boxes(fixture)


def _check_sat_tokens(fixture: Fixture, backbone: Any, images: Tensor) -> Iterator[Comparison]:
    """Masks of all blocks, also of those that do not use them, and the normalised tokens."""
    tokens, _ = backbone.embed(images)
    masks: list[Tensor] = []
    plain = len(backbone.net.blocks) - backbone.num_spatial_blocks
    for index, block in enumerate(backbone.net.blocks):
        if index < plain:
            queries, keys, _ = project_qkv(block.attn, block.norm1(tokens))
            masks.append(spatial_mask(block.attn, queries, keys))
            tokens, _ = backbone.run_block(block, tokens, [])
        else:
            tokens, _ = backbone.run_spatial_block(block, tokens, masks)
    tokens = backbone.net.norm(tokens)
    yield compare('masks_all_layers', torch.stack(masks), fixture['masks_all_layers'], 1e-5)
    yield compare('feat_cls', tokens[:, 0], fixture['feat_cls'], 1e-5)
    yield compare('feat_loc', tokens[:, -1], fixture['feat_loc'], 1e-5)
    yield compare('feat_patch', tokens[:, 1:-1], fixture['feat_patch'], 1e-5)
    embedded = backbone.net.patch_embed(images).flatten(1, 2)
    yield compare('patch_tokens', embedded, fixture['patch_tokens'], 1e-5)


def _check_sat_forward(fixture: Fixture, model: Any, images: Tensor) -> Iterator[Comparison]:
    head = model.head
    feats = model.extract_feat(images)
    fused, tokens = pre_logits = head.pre_logits(feats)
    with torch.no_grad():
        blurred = head.loss_norm.blur(fused)
        yield compare('logits', head.classify(pre_logits), fixture['logits'], 1e-5)
        yield compare('map_raw', fused[:, 0], fixture['map_raw'], 1e-5)
        yield compare('head_map', head.semantic(tokens), fixture['head_map'], 1e-5)
        yield compare('map_filtered', blurred[:, 0], fixture['map_filtered'], 1e-5)
        yield compare('kernel', head.loss_norm.kernel[0, 0], fixture['kernel'], 1e-6)
        yield compare('area_per_image', fused.mean((1, 2, 3)), fixture['area_per_image'], 1e-5)
        per_image = (blurred * (1 - blurred)).mean((1, 2, 3))
        yield compare('norm_per_image', per_image, fixture['norm_per_image'], 1e-5)
        yield compare('batch_area', fused.mean(), fixture['batch_area'], 1e-6)
    losses = head.loss(feats, labelled_samples(fixture['labels']))
    for key, value in losses.items():
        yield compare(key, value.item(), fixture[key], 1e-6, 'maximum')
    total = sum(losses.values())
    yield compare('loss_total', total.item(), fixture['loss_total'], 1e-6, 'element')
    total.backward()


def _check_sat_step(fixture: Fixture, cfg: Config, model: Any) -> Iterator[Comparison]:
    """Gradients, parameter groups and one AdamW step."""
    parameters = dict(model.named_parameters())
    names = [name for name in fixture['grad_names'].tolist() if name != 'weight']  # a constant of theirs
    kept = fixture['grad_names'] != 'weight'
    norms = [parameters[rename_sat_key(name)].grad.norm() for name in names]
    yield compare('gradient norms', norms, fixture['grad_norms'][kept], 1e-4, 'element')
    yield from check_gradients(fixture, model, '', 1e-4, rename_sat_key)
    cfg.optim_wrapper.optimizer.update(lr=float(fixture['lr']))
    optim = build_optim_wrapper(model, cfg.optim_wrapper)
    decays = {id(p): g['weight_decay'] for g in optim.optimizer.param_groups for p in g['params']}
    for group in ('group0', 'group1'):
        ours = [decays[id(parameters[rename_sat_key(name)])] for name in fixture[f'{group}_names'].tolist()]
        yield compare(f'{group} weight decay', ours, np.full(len(ours), fixture[f'{group}_wd']), 1e-12)
    yield from _check_step(fixture, [parameters[rename_sat_key(name)] for name in names], optim, kept)
    for key in (key for key in fixture if key.startswith('after_step/')):
        ours = parameters[rename_sat_key(key.removeprefix('after_step/'))].detach()
        yield compare(key, ours, fixture[key], 2 * float(fixture['lr']))


def _check_step(
    fixture: Fixture, parameters: Sequence[Tensor], optim: Any, kept: NDArray
) -> Iterator[Comparison]:
    """Norms of AdamW's first step, lr * sign of the gradient.

    Elements whose gradient is rounding noise (key biases, which softmax ignores) may have moved by anything up to lr, so
    they widen the norm to an interval; the golden one is compared with its nearest point.
    """
    before = [p.detach().clone() for p in parameters]
    noise = [gradient.abs() < NOISE for gradient in (p.grad for p in parameters) if gradient is not None]
    optim.step()
    moved = [(p.detach() - b).double() for p, b in zip(parameters, before)]
    low = np.array([m[~n].norm().item() for m, n in zip(moved, noise)])
    freedom = np.array([n.sum().item() for n in noise]) * float(fixture['lr']) ** 2
    golden = fixture['step_delta_l2'][kept]
    yield compare('step_delta_l2', np.clip(golden, low, np.sqrt(low**2 + freedom)), golden, 1e-3, 'element')


def _check_sat_boxes(fixture: Fixture) -> Iterator[Comparison]:
    thresholds = fixture['thresholds'].tolist()
    protocol = get_protocol('sat', threshold=thresholds, threshold_source='oracle joint')
    heatmaps = protocol_heatmaps(
        torch.from_numpy(fixture['map_raw']), protocol, tuple(fixture['map_post'].shape[1:])
    )
    yield compare('map_post', heatmaps, fixture['map_post'], 1e-5)
    levels = protocol_levels(heatmaps, protocol, thresholds).numpy()
    boxes = protocol_boxes(levels, len(thresholds), protocol)
    yield compare('boxes', boxes, fixture['boxes'])
    ious = np.stack(
        [pairwise_iou(b, g[None], protocol.inclusive_iou)[:, 0] for b, g in zip(boxes, fixture['gt_boxes'])]
    )
    yield compare('ious', ious, fixture['ious'], 1e-6)


def check_sat_test(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """A trained tiny SAT on stored pictures: test pipelines, model and ten-crop, then the evaluation."""
    official = {
        k.removeprefix('state/'): torch.from_numpy(fixture[k]) for k in fixture if k.startswith('state/')
    }
    classes, width = official['head.weight'].shape[:2]
    depth = len([key for key in official if key.endswith('norm1.weight')])
    mlp_ratio = official['blocks.0.mlp.fc1.weight'].shape[0] // width
    with DefaultScope.overwrite_default_scope('mmwsol'):
        sizes = dict(embed_dim=width, depth=depth, num_heads=width // HEAD_WIDTH, mlp_ratio=mlp_ratio)
        cfg, model = build_tiny('sat/sat_deitsmall_cub.py', classes, **sizes)
        model.load_state_dict(convert_sat(official), strict=True)
        centre, ten = (
            run_pipeline(fixture, pipeline) for pipeline in (cfg.test_pipeline, cfg.ten_crop_pipeline)
        )
        images = model.data_preprocessor(centre)['inputs']
        crops = model.data_preprocessor(dict(inputs=ten['inputs'][:1]))['inputs'][0]
        yield compare('input_center_first2', images[:2], fixture['input_center_first2'], 1e-5)
        sums = crops.double().sum((1, 2, 3))
        yield compare('input_tencrop_first_sum', sums, fixture['input_tencrop_first_sum'], 1e-5, 'maximum')
        model.eval()
        with torch.no_grad():
            fused, tokens = model.head.pre_logits(model.extract_feat(images))
            logits = model.head.classify((fused, tokens))
            views = (model.test_step(dict(inputs=[image], data_samples=None))[0] for image in ten['inputs'])
            scores = torch.stack([sample.pred_scores for sample in views])
        yield compare('logits_center', logits, fixture['logits_center'], 1e-5, 'maximum')
        yield compare('maps', fused[:, 0], fixture['maps'], 1e-5)
        yield compare('tencrop_prob', scores, fixture['tencrop_prob'], 1e-5)
        yield from check_sat_evaluation(fixture, path, centre_scores=logits, ten_crop_scores=scores)


def run_pipeline(fixture: Fixture, pipeline: Sequence[Any]) -> dict[str, list]:
    """The stored pictures, written to files, through a pipeline: ``inputs`` and ``data_samples``."""
    keys = sorted(key for key in fixture if key.startswith('image_'))
    with TemporaryDirectory() as root:
        packed = []
        for index, key in enumerate(keys):
            file = f'{root}/{key}.png'
            Image.fromarray(fixture[key]).save(file)
            label = int(fixture['labels'][index])
            packed.append(
                Compose(pipeline)(
                    dict(img_path=file, img_id=key, gt_label=label, sample_idx=index, test_mode=True)
                )
            )
    return {key: [sample[key] for sample in packed] for key in ('inputs', 'data_samples')}
