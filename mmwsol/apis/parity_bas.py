"""BAS against golden runs: forward, every loss, gradients, batch norm, one optimiser step, maps and boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from numpy.typing import NDArray
from torch import Tensor

from mmwsol.evaluation import localize
from mmwsol.evaluation.protocols import get_protocol
from mmwsol.registry import MODELS
from mmwsol.structures import labelled_samples

from .official_checkpoints import convert_bas, rename_bas_key
from .parity import Comparison, Fixture, compare
from .parity_rebuild import check_rebuilt, load_converted, torch_state
from .run_config import drop_pretrained_weights, find_config

_MARKS = {'conv1_1.weight': 'vgg16', 'model.0.0.weight': 'mobilenetv1', 'layer1.0.conv1.weight': 'resnet50'}


def golden_weights(
    names: Sequence[str], shapes: NDArray, seed: int, gen: float, head: float
) -> dict[str, NDArray]:
    """The weight rule of the BAS fixtures: floating state entries by official name, drawn in sorted order."""
    random, out = np.random.RandomState(seed), {}
    for key, padded in sorted(zip(names, shapes.tolist())):
        shape = tuple(v for v in padded if v > 0)
        draw = random.standard_normal(shape)
        if key.endswith('running_mean'):
            value = 0.1 * draw
        elif key.endswith('running_var'):
            value = 1 + 0.1 * np.abs(draw)
        elif key.endswith('.bias'):
            value = 0.02 * draw + (0.5 if key in ('classifier.4.bias', 'classifier_cls.4.bias') else 0.0)
        elif len(shape) == 1:
            scale = 0.3 if '.bn3.' in key else 0.7 if 'downsample.1.' in key else 1.0
            value = scale * (1 + 0.1 * draw)
        else:
            value = draw * np.sqrt(2.0 / np.prod(shape[1:]))
            value = value * gen if key == 'classifier_loc.0.weight' else value
            value = value * head if key in ('classifier.4.weight', 'classifier_cls.4.weight') else value
        out[key] = value.astype(np.float32)
    return out


def golden_images(seed: int, shape: Sequence[int]) -> Tensor:
    """The input rule of the BAS fixtures: coarse blocks plus noise, (B, 3, H, W) float32."""
    random = np.random.RandomState(seed)
    batch, _, height, width = (int(v) for v in shape)
    coarse = np.kron(random.standard_normal((batch, 3, height // 16, width // 16)), np.ones((16, 16)))
    return torch.from_numpy((0.8 * coarse + 0.6 * random.standard_normal(coarse.shape)).astype(np.float32))


def shipped_config(fixture: Fixture) -> Config:
    """The configuration a fixture belongs to, read off its own keys."""
    keys = set(fixture['state_keys'].tolist())
    backbone = next((name for key, name in _MARKS.items() if key in keys), 'inceptionv3')
    release = '' if 'train_S_raw' in fixture else '_cvpr'
    return Config.fromfile(find_config(f'bas/bas_{backbone}_cub{release}.py'))


def check_bas(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """Compare in the order in which the fixture was recorded: train forward and step, then fresh weights and eval."""
    names = fixture['state_keys'].tolist()
    scales = float(fixture['gen_scale']), float(fixture['head_scale'])
    weights = golden_weights(names, fixture['state_shapes'], int(fixture['weight_seed']), *scales)
    images = golden_images(int(fixture['input_seed']), fixture['input_shape'].tolist())
    yield from check_rebuilt(fixture, weights, images)

    cfg = shipped_config(fixture)
    drop_pretrained_weights(cfg.model)
    with DefaultScope.overwrite_default_scope('mmwsol'):
        cfg.model.head.update(num_classes=fixture['train_logits'].shape[1])
        model = MODELS.build(cfg.model)
        state = convert_bas(torch_state(weights))
        labels = torch.from_numpy(fixture['labels']).long()
        load_converted(model, state)
        yield from _check_training(fixture, cfg, model, images, labels)
        load_converted(model, state)
        yield from _check_test(fixture, cfg, model, images, labels)


def _check_training(
    fixture: Fixture, cfg: Config, model: Any, images: Tensor, labels: Tensor
) -> Iterator[Comparison]:
    model.train()
    head = model.head
    feats = model.extract_feat(images)
    losses = head.loss(feats, labelled_samples(labels), backbone=model.backbone)
    total = sum(losses.values())
    yield from _check_forward(fixture, model, feats, losses, labels)
    yield compare('loss_total', total.item(), fixture['loss_total'], 1e-5, 'element')

    bn_names = fixture['bn_names'].tolist()
    state = model.state_dict()
    after = [state[rename_bas_key(name)].double().norm() for name in bn_names]
    if bn_names:
        yield compare('batch norm after one forward', after, fixture['bn_after_l2'], 1e-5, 'element')

    optim = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = [
        [g['lr'], g['weight_decay'], g['momentum'], g['nesterov'], len(g['params'])]
        for g in optim.optimizer.param_groups
    ]
    yield compare('optimizer groups', groups, fixture['opt_groups'], 1e-12)
    total.backward()
    names = fixture['param_names'].tolist()
    parameters = dict(model.named_parameters())
    ours = [parameters[rename_bas_key(name)] for name in names]
    norm_tolerance = 5e-3 if bn_names else 1e-3
    gradients = [p.grad.double().norm() for p in ours]
    yield compare('gradient norms', gradients, fixture['grad_l2'], norm_tolerance, 'element')
    for key in (key for key in fixture if key.startswith('grad/')):
        tolerance = 1e-3 if key.startswith('grad/classifier') else 3e-2
        gradient = parameters[rename_bas_key(key.removeprefix('grad/'))].grad
        yield compare(key, gradient, fixture[key], tolerance, 'maximum')
    before = [p.detach().clone() for p in ours]
    optim.step()
    deltas = [(p.detach() - b).double().norm() for p, b in zip(ours, before)]
    yield compare('parameter step norms', deltas, fixture['step_delta_l2'], norm_tolerance, 'element')


@torch.no_grad()
def _check_forward(
    fixture: Fixture, model: Any, feats: Sequence[Tensor], losses: dict[str, Tensor], labels: Tensor
) -> Iterator[Comparison]:
    head = model.head
    split, hidden = pre_logits = head.pre_logits(feats)
    logits, maps = head.classify(pre_logits), head.localize(pre_logits, labels[:, None])
    inside = head.foreground_logits(hidden, maps)
    background = head.background_logits(split, maps, model.backbone).gather(1, labels[:, None])[:, 0]
    score = logits.gather(1, labels[:, None])[:, 0]
    relu = torch.relu if head.loss_bas.relu else torch.Tensor.clone
    four = torch.arange(4).expand(len(labels), 4)
    yield compare('train_logits', logits, fixture['train_logits'], 1e-4)
    yield compare('train_logits_frg', inside, fixture['train_logits_frg'], 1e-4)
    yield compare('train_logit_map8', head.classifier(feats[1])[:, :8], fixture['train_logit_map8'], 1e-4)
    yield compare('train_fg_map', maps, fixture['train_fg_map'], 1e-4)
    yield compare('train_loc_maps4', head.localize(pre_logits, four), fixture['train_loc_maps4'], 1e-4)
    yield compare('train_split_l2', split.flatten(1).norm(dim=1), fixture['train_split_l2'], 1e-5, 'element')
    yield compare('train_S', relu(score), fixture['train_S'], 1e-4)
    yield compare('train_S_bg', relu(background), fixture['train_S_bg'], 1e-4)
    if 'train_S_raw' in fixture:
        yield compare('train_S_raw', score, fixture['train_S_raw'], 1e-4)
        yield compare('train_S_bg_raw', background, fixture['train_S_bg_raw'], 1e-4)
    ratios = head.loss_bas.ratios(background, score)
    yield compare('train_bas_per_sample', ratios, fixture['train_bas_per_sample'], 1e-4)
    area = maps.mean((1, 2, 3))
    yield compare('train_area_per_sample', area, fixture['train_area_per_sample'], 1e-4)
    yield compare('loss_cls', losses['loss_cls'], fixture['loss_cls'], 1e-5, 'element')
    frg = F.cross_entropy(inside, labels)
    yield compare('loss_frg_unweighted', frg, fixture['loss_frg_unweighted'], 1e-5, 'element')
    yield compare('loss_bas', losses['loss_bas'], fixture['loss_bas'], 1e-5, 'element')
    unweighted = losses['loss_area'] / head.loss_area.loss_weight
    yield compare('loss_area_unweighted', unweighted, fixture['loss_area_unweighted'], 1e-5, 'element')
    yield compare('weight_frg', head.frg_weight, fixture['weight_frg'])
    yield compare('weight_area', head.loss_area.loss_weight, fixture['weight_area'])


@torch.no_grad()
def _check_test(
    fixture: Fixture, cfg: Config, model: Any, images: Tensor, labels: Tensor
) -> Iterator[Comparison]:
    model.eval()
    feats = model.extract_feat(images)
    pre_logits = model.head.pre_logits(feats)
    eight = torch.arange(8).expand(len(labels), 8)
    yield compare('eval_logits', model.head.classify(pre_logits), fixture['eval_logits'], 1e-4)
    yield compare('eval_loc_maps8', model.head.localize(pre_logits, eight), fixture['eval_loc_maps8'], 1e-4)
    norms = pre_logits[0].flatten(1).norm(dim=1)
    yield compare('eval_split_l2', norms, fixture['eval_split_l2'], 1e-5, 'element')
    name = cfg.test_evaluator.protocols[0].name
    for key in (key for key in fixture if key.startswith('eval_map_top')):
        k = int(key.removeprefix('eval_map_top'))
        yield compare(key, _mean_map(model, feats, labels, k), fixture[key], 1e-4)
        stored = torch.from_numpy(fixture[key])
        boxes = [
            [_box(stored[i], name, threshold, images.shape[-2:]) for threshold in fixture['box_thresholds']]
            for i in range(len(labels))
        ]
        yield compare(f'eval_box_top{k}, stored map', boxes, fixture[f'eval_box_top{k}'])


def _mean_map(model: Any, feats: Sequence[Tensor], labels: Tensor, k: int) -> Tensor:
    """What ``topk_mean`` takes from a prediction: the mean of the k best classes' maps; k = 1 is the label's map."""
    model.head.topk = k
    samples = model.head.predict(feats, labelled_samples(labels))
    maps = torch.stack([sample.pred_maps for sample in samples])  # (N, k + 1, h, w)
    return maps[:, -1:] if k == 1 else maps[:, :k].mean(1, keepdim=True)


def _box(stored: Tensor, name: str, threshold: float, img_shape: Sequence[int]) -> NDArray:
    protocol = get_protocol(name, threshold=float(threshold), topk=1)
    return localize(stored, torch.tensor([-1]), 0, protocol, (img_shape[0], img_shape[1]))[1]
