"""DA-WSOL against golden runs: sample assigner with its anchors, losses, gradients; extractors, logits and maps."""

from __future__ import annotations

import random
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from numpy.typing import NDArray
from torch import Tensor

from mmwsol.evaluation.functional.heatmaps import make_heatmaps, minmax_normalize
from mmwsol.models.layers.target_sample_assigner import SOURCE, TARGET, UNIVERSUM, TargetSamples
from mmwsol.models.losses import MMDLoss
from mmwsol.registry import MODELS
from mmwsol.structures import labelled_samples

from .official_checkpoints import convert_dawsol
from .parity import Comparison, Fixture, compare
from .parity_rebuild import crc_weights
from .run_config import drop_pretrained_weights, find_config

_LOSSES = 1e-5
_FORWARD = 1e-4
_BACKBONE_OF_LFM0 = {'resnet50': dict(strides=(1, 2, 2, 1)), 'inception_v3': dict(pool_before_6=True)}


def check_dawsol(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """Extractor and classifier of both backbones, with and without the large feature map."""
    with DefaultScope.overwrite_default_scope('mmwsol'):
        for key in (key for key in fixture if key.endswith('_state_names')):
            yield from _check_network(fixture, key.removesuffix('_state_names'))


@torch.no_grad()
def _check_network(fixture: Fixture, prefix: str) -> Iterator[Comparison]:
    model = _network(fixture, prefix)
    draw = np.random.RandomState(int(fixture['input_seed']))
    images = torch.from_numpy(draw.randn(2, 3, 224, 224).astype(np.float32))
    labels = torch.from_numpy(fixture['labels'])
    feats = model.extract_feat(images)
    features = model.head.pre_logits(feats)
    every = torch.arange(model.head.num_classes).expand(len(images), -1)
    maps = model.head.localize(features, every)
    own = maps[torch.arange(len(labels)), labels]
    heatmaps = make_heatmaps(own, (224, 224), 'after_resize', interpolation='bicubic', dtype=torch.float64)
    yield compare(f'{prefix}_feature_shape', list(features.shape), fixture[f'{prefix}_feature_shape'])
    for name, ours in (
        ('feature_mean', features.mean((2, 3))),
        ('feature_ch16', features[:, :16]),
        ('logits', model.head.classify(features)),
        ('score_maps_raw', maps),
        ('cam_minmax', minmax_normalize(own)),
        ('cam_224_s4', heatmaps[:, ::4, ::4]),
        ('ce_loss', model.head.loss(feats, labelled_samples(fixture['labels']))['loss_cls']),
    ):
        yield compare(f'{prefix}_{name}', ours, fixture[f'{prefix}_{name}'], _FORWARD, 'maximum')


def _network(fixture: Fixture, prefix: str) -> Any:
    """A shipped configuration, at the feature size of the fixture, with the fixture's weights, in eval mode."""
    backbone, _, lfm = prefix.rpartition('_lfm')
    cfg = Config.fromfile(find_config(f'dawsol/dawsol_{backbone.replace("_", "")}_cub.py'))
    drop_pretrained_weights(cfg.model)
    if lfm == '0':
        cfg.model.backbone.update(_BACKBONE_OF_LFM0[backbone])
    cfg.model.head.update(num_classes=int(fixture['num_classes']))
    model = MODELS.build(cfg.model).eval()
    state: dict[str, Tensor] = {}
    for part in ('state', 'classifier'):
        shapes = [literal_eval(text) for text in fixture[f'{prefix}_{part}_shapes'].tolist()]
        names = fixture[f'{prefix}_{part}_names'].tolist()
        state.update(crc_weights(names, shapes, int(fixture['weight_seed'])))
    anchors = {f'head.assigner.{name}': value for name, value in model.head.assigner.state_dict().items()}
    model.load_state_dict({**anchors, **convert_dawsol(state)}, strict=True)
    return model


def check_dawsol_losses(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """Three steps of the sample assigner, each with losses and gradients, then the discrepancy by itself."""
    with DefaultScope.overwrite_default_scope('mmwsol'):
        head_cfg = Config.fromfile(find_config('dawsol/dawsol_resnet50_cub.py')).model.head
        classes, channels = fixture['s0_cluster_centers'].shape
        head = MODELS.build(dict(head_cfg, num_classes=classes, in_channels=channels)).train()
    n = head.assigner.num_samples
    sizes = [fixture['sample_num_source'], fixture['sample_num_target']]
    yield compare('samples of source and target', [n, n], sizes)
    shuffler = random.Random(int(fixture['python_random_seed']))
    step = 0
    while f's{step}_labels' in fixture:
        yield from _check_step(fixture, head, f's{step}_', shuffler)
        step += 1
    yield from _check_discrepancy(fixture, head.loss_da)


def _check_step(fixture: Fixture, head: Any, prefix: str, shuffler: random.Random) -> Iterator[Comparison]:
    def check(name: str, ours: Any, tolerance: float = 0.0, relative: str = 'element') -> Comparison:
        return compare(prefix + name, ours, fixture[prefix + name], tolerance, relative)

    keys = torch.full((2, *fixture[f'{prefix}kmeans_labels'].shape), torch.inf)
    yield from _check_orders(fixture, prefix, shuffler, keys)
    features = torch.from_numpy(fixture[f'{prefix}pixel_feature']).requires_grad_()
    labels = torch.from_numpy(fixture[f'{prefix}labels'])
    samples = head.assigner(features, labels, keys)
    yield check('image_feature', features.mean((2, 3), keepdim=True), _LOSSES)
    yield check('kmeans_init', samples.starts, _LOSSES)
    yield check('kmeans_centers', samples.centres, _LOSSES)
    yield check('kmeans_labels', samples.groups.flatten(1))
    yield check('kmeans_inertia', _inertia(features.detach(), samples), _LOSSES)
    yield check('mask', torch.tensor([0.0, 1.0, 0.5])[samples.groups])
    yield check('universum', features.movedim(1, 3)[samples.groups == UNIVERSUM])
    yield from _check_samples(fixture, prefix, samples, labels)
    assigner = head.assigner
    yield check('cluster_centers', assigner.class_anchors, _LOSSES)
    yield check('cluster_counts', assigner.class_counts[:, None])
    yield check('universe_centers', assigner.universum_anchor[None], _LOSSES)
    yield check('universe_count', assigner.universum_count)
    losses = {
        'loss_d': head.loss_da(samples.source, samples.target, samples.accepted) / head.loss_da.loss_weight,
        'loss_u': head.loss_universum(features, samples.groups == UNIVERSUM)
        / head.loss_universum.loss_weight,
    }
    for name, loss in losses.items():
        yield check(name, loss, _LOSSES)
        gradient = torch.autograd.grad(loss, features, retain_graph=True)[0]
        yield check(f'grad_{name}', gradient, _LOSSES, 'maximum')


def _check_orders(
    fixture: Fixture, prefix: str, shuffler: random.Random, keys: Tensor
) -> Iterator[Comparison]:
    """Draw the published orders, target before source, and write them into ``keys`` (2, N, P): rank of each pixel."""
    for image, groups in enumerate(fixture[f'{prefix}kmeans_labels']):
        for row, (kind, group) in enumerate((('target', TARGET), ('source', SOURCE))):
            name, members = f'{prefix}shuffle_{kind}_{image}', np.flatnonzero(groups == group)
            order = list(range(len(members)))
            shuffler.shuffle(order)
            yield compare(name, order, fixture[name])
            keys[row, image, members[fixture[name]]] = torch.arange(float(len(members)))


def _check_samples(
    fixture: Fixture, prefix: str, samples: TargetSamples, labels: Tensor
) -> Iterator[Comparison]:
    """The accepted images; only so many blocks of the fixture mean something."""
    count = int(fixture[f'{prefix}count'])
    yield compare(f'{prefix}count', samples.accepted.sum(), fixture[f'{prefix}count'])
    accepted = labels[samples.accepted]
    yield compare(f'{prefix}batch_label', accepted, fixture[f'{prefix}batch_label'][:count])
    target = fixture[f'{prefix}batch_target'][:count]
    yield compare(f'{prefix}batch_target', samples.target[samples.accepted], target)
    source = fixture[f'{prefix}batch_source'][:count]
    ours = samples.source[samples.accepted]
    yield compare(f'{prefix}batch_source, mean feature', ours[:, 0], source[:, 0], _LOSSES, 'element')
    yield compare(f'{prefix}batch_source, pixels', ours[:, 1:], source[:, 1:])


def _inertia(features: Tensor, samples: TargetSamples) -> NDArray:
    """Sum of squared distances to the centres, (N,)."""
    groups = samples.groups.flatten(1)[..., None].expand(-1, -1, features.shape[1])
    distances = features.flatten(2).mT.double() - samples.centres.double().gather(1, groups)
    return distances.square().sum((1, 2)).numpy()


def _check_discrepancy(fixture: Fixture, loss: MMDLoss) -> Iterator[Comparison]:
    pair = [torch.from_numpy(fixture[f'mmd_{kind}'])[None].requires_grad_() for kind in ('source', 'target')]
    yield compare('mmd_kernel', loss.kernel_matrix(*pair)[0], fixture['mmd_kernel'], _LOSSES, 'element')
    linear = MMDLoss('linear')(*pair)
    yield compare('mmd_linear', linear, fixture['mmd_linear'], _LOSSES, 'element')
    yield compare('mmd_full', MMDLoss('full')(*pair), fixture['mmd_full'], _LOSSES, 'element')
    for kind, gradient in zip(('source', 'target'), torch.autograd.grad(linear, pair)):
        yield compare(f'mmd_grad_{kind}', gradient[0], fixture[f'mmd_grad_{kind}'], _LOSSES, 'maximum')
