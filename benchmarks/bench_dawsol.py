"""Speed of DA-WSOL's sample assigner and MMD against a plain re-statement of the published procedure.

The published procedure takes the images of a batch one by one: pixels and centres go to scikit-learn's k-means, the samples
are drawn by a shuffle in Python, and the discrepancy subtracts all pairs and reads its kernel matrix number by number in
Python loops. Ours keeps everything in tensors. Both run forward and backward down to the features, on the same batches in
turn, from the same anchors; groups, anchors, losses and gradients are checked with the same samples drawn. Beside them
stands a training step of ResNet-50 with the same batch and map, forward and backward without the two.
Times are CPU seconds of this process (on a GPU wall seconds between synchronisations), the median of the repeats.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from numpy.typing import NDArray
from sklearn.cluster import k_means
from torch import Tensor

from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.models.layers import TargetSampleAssigner
from mmwsol.models.losses import MMDLoss
from mmwsol.registry import MODELS
from mmwsol.structures import labelled_samples

STRIDES_OF_14 = (1, 2, 2, 1)  # of ResNet-50's stages, for a 14x14 map at input 224


class PublishedAssigner:
    """State and procedure as published, image by image; the state lies in NumPy arrays on the host."""

    def __init__(self, num_classes: int, channels: int, num_samples: int = 32) -> None:
        self.n = num_samples
        self.anchors, self.visits = np.zeros((num_classes, channels)), np.zeros(num_classes)
        self.universum, self.images = np.zeros(channels), 0

    def __call__(self, features: Tensor, labels: Tensor) -> dict[str, Any]:
        """Blocks of accepted images, the groups of all and the orders in which pixels were drawn."""
        found: dict[str, Any] = dict(source=[], target=[], groups=[], orders=[])
        for feature, label in zip(features, labels.tolist()):
            image = feature.mean((1, 2))
            pixels = feature.flatten(1).T  # (P, C)
            groups = self.cluster(pixels.detach().cpu().numpy(), image.detach().cpu().numpy(), label)
            found['groups'].append(groups)
            alike, target = (np.flatnonzero(groups == group) for group in (1, 2))
            random.shuffle(target)
            random.shuffle(alike)
            found['orders'].append((target, alike))
            if len(target) >= self.n and len(alike) >= self.n - 1:
                drawn = torch.from_numpy(alike[: self.n - 1]).to(pixels.device)
                found['source'].append(torch.cat([image[None], pixels[drawn]]))
                found['target'].append(pixels[torch.from_numpy(target[: self.n]).to(pixels.device)])
        return found

    def cluster(self, pixels: NDArray, image: NDArray, label: int) -> NDArray:
        if self.visits[label] == 0:
            self.visits[label], self.anchors[label] = 1, image
        starts = np.stack([self.universum, image, self.anchors[label]]).astype(np.float32)
        centres, groups, _ = k_means(pixels, 3, init=starts, n_init=1, random_state=0)
        self.visits[label] += 1
        self.images += 1
        self.anchors[label] += (centres[1] - self.anchors[label]) / self.visits[label]
        self.universum += (centres[0] - self.universum) / self.images
        return groups


def published_discrepancy(source: Tensor, target: Tensor) -> Tensor:
    """Of one image: samples (n, C) of each domain."""
    samples, n = torch.cat([source, target]), len(source)
    distances = ((samples[None] - samples[:, None]) ** 2).sum(2)  # (2n, 2n)
    width = distances.detach().sum() / (4 * n * n - 2 * n)
    kernel = sum(torch.exp(-distances / (width * scale)) for scale in (0.25, 0.5, 1.0, 2.0, 4.0))
    loss = torch.zeros((), device=source.device)
    for i in range(n):
        s1, s2 = i, (i + 1) % n
        t1, t2 = s1 + n, s2 + n
        loss = loss + kernel[s1, s2] + kernel[t1, t2] - kernel[s1, t2] - kernel[s2, t1]
    return loss / n


def published_loss(assigner: PublishedAssigner, features: Tensor, labels: Tensor) -> Tensor:
    found = assigner(features, labels)
    blocks = [published_discrepancy(s, t) for s, t in zip(found['source'], found['target'])]
    return torch.stack(blocks).mean() if blocks else features.sum() * 0


def our_loss(
    assigner: TargetSampleAssigner,
    loss: MMDLoss,
    features: Tensor,
    labels: Tensor,
    keys: Tensor | None = None,
) -> Tensor:
    samples = assigner(features, labels, keys)
    return loss(samples.source, samples.target, samples.accepted)


def draw_features(labels: Tensor, channels: int, side: int, seed: int) -> Tensor:
    """Features behind a ReLU, (N, C, h, w): a class's object in two strengths on one background, and noise.

    Most images are accepted, as they must be for the loops of the published discrepancy to be run.
    """
    kinds = torch.Generator().manual_seed(0)
    directions = torch.randn(1 + int(labels.max()), channels, generator=kinds).relu()
    background = torch.randn(channels, generator=kinds.manual_seed(1)).relu()
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing='ij')
    features = torch.randn(len(labels), channels, side, side, generator=generator).mul_(0.4)
    for image, label in zip(features, labels.tolist()):
        centre = (torch.rand(2, generator=generator) - 0.5) / 2
        distance = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2).sqrt()
        body, head = (distance < 0.9).float(), (distance < 0.6).float()
        image += background[:, None, None] * (1 - body)
        image += directions[label][:, None, None] * (body + head) / 2
    return features.relu_()


def check(
    published: PublishedAssigner, ours: TargetSampleAssigner, loss: MMDLoss, features: Tensor, labels: Tensor
) -> dict[str, float]:
    """One step of both with the same samples drawn; ``RuntimeError`` where they differ."""
    leaves = [features.clone().requires_grad_() for _ in range(2)]
    found = published(leaves[0], labels)
    blocks = [published_discrepancy(s, t) for s, t in zip(found['source'], found['target'])]
    if not blocks:
        raise RuntimeError('no image of the batch is accepted, so there is nothing to compare')
    expected = torch.stack(blocks).mean()
    keys = torch.full((2, len(labels), features[0, 0].numel()), torch.inf)
    for image, orders in enumerate(found['orders']):
        for part, order in enumerate(orders):
            keys[part, image, torch.from_numpy(order)] = torch.arange(len(order)).float()
    samples = ours(leaves[1], labels, keys.to(features.device))
    value = loss(samples.source, samples.target, samples.accepted)
    expected.backward()
    value.backward()
    same = np.array_equal(samples.groups.flatten(1).cpu().numpy(), np.stack(found['groups']))
    if not same or int(samples.accepted.sum()) != len(blocks):
        raise RuntimeError('the groups differ from those of the published procedure')
    scale = leaves[0].grad.abs().max()
    apart = {
        'loss': abs(value.item() / expected.item() - 1),
        'gradient': float((leaves[0].grad - leaves[1].grad).abs().max() / scale),
        'class anchors': float(np.abs(ours.class_anchors.cpu().numpy() - published.anchors).max()),
        'universum anchor': float(np.abs(ours.universum_anchor.cpu().numpy() - published.universum).max()),
    }
    for name, difference in apart.items():
        if difference > 1e-4:
            raise RuntimeError(f'{name} differs from the published procedure by {difference:.1e}')
    return {'accepted': len(blocks), **apart}


def resnet50_step(batch: int, input_size: int, device: str) -> Callable[[], Tensor]:
    """Classification loss of a training step of the shipped ResNet-50 with a 14x14 map at input 224."""
    cfg = Config.fromfile(find_config('dawsol/dawsol_resnet50_cub.py'))
    cfg.model.backbone.update(strides=STRIDES_OF_14)
    cfg.model.head.update(warmup_epochs=0)
    cfg.model.head.loss_da.update(loss_weight=0.0)
    cfg.model.head.loss_universum.update(loss_weight=0.0)
    drop_pretrained_weights(cfg.model)
    with DefaultScope.overwrite_default_scope('mmwsol'):
        model = MODELS.build(cfg.model).to(device).train()
    images = torch.randn(batch, 3, input_size, input_size, device=device)
    samples = labelled_samples(torch.randint(cfg.num_classes, (batch,)))
    return lambda: model(images, samples, mode='loss')['loss_cls']


def timed(step: Callable[[], Tensor], device: str) -> float:
    """Seconds of a forward and backward pass."""
    clock = time.process_time if device == 'cpu' else time.perf_counter
    if device != 'cpu':
        torch.cuda.synchronize()
    start = clock()
    step().backward()
    if device != 'cpu':
        torch.cuda.synchronize()
    return clock() - start


def run(
    batch: int = 32,
    channels: int = 2048,
    side: int = 14,
    repeats: int = 5,
    num_samples: int = 32,
    device: str = 'cpu',
    backbone_steps: int = 1,
    num_classes: int = 200,
) -> dict[str, Any]:
    """Median seconds of both, the median of their ratios, and how far apart their results are.

    With ``backbone_steps`` also the seconds of a ResNet-50 training step and our share of it. Raises ``RuntimeError`` if the
    results differ.
    """
    random.seed(0)
    torch.manual_seed(0)
    published = PublishedAssigner(num_classes, channels, num_samples)
    ours, loss = TargetSampleAssigner(num_classes, channels, num_samples).to(device), MMDLoss()
    result: dict[str, Any] = {}
    times: dict[str, list[float]] = {'published': [], 'ours': []}
    for repeat in range(repeats + 1):
        labels = torch.randint(num_classes, (batch,))
        features = draw_features(labels, channels, side, repeat).to(device)
        labels = labels.to(device)
        if repeat == 0:
            result['differences'] = check(published, ours, loss, features, labels)
            continue
        steps = {
            'published': lambda x, y=labels: published_loss(published, x, y),
            'ours': lambda x, y=labels: our_loss(ours, loss, x, y),
        }
        for name, step in steps.items():
            leaf = features.clone().requires_grad_()
            times[name].append(timed(lambda step=step, leaf=leaf: step(leaf), device))
    for name, values in times.items():
        result[f'{name}_s'] = statistics.median(values)
    result['ratio'] = statistics.median(a / b for a, b in zip(times['published'], times['ours']))
    if backbone_steps:
        step = resnet50_step(batch, 16 * side, device)
        result['resnet50_s'] = min(timed(step, device) for _ in range(backbone_steps))
        result['share'] = result['ours_s'] / result['resnet50_s']
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--channels', type=int, default=2048)
    parser.add_argument('--side', type=int, default=14, help='of the feature map')
    parser.add_argument('--repeats', type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for device in ('cpu', 'cuda') if torch.cuda.is_available() else ('cpu',):
        row = run(args.batch, args.channels, args.side, args.repeats, device=device)
        print(
            f'DA-WSOL assigner and MMD, forward and backward, batch {args.batch}, {args.side}x{args.side}x'
            f'{args.channels}, {device}: published {row["published_s"]:.3f} s, ours {row["ours_s"]:.3f} s, '
            f'{row["ratio"]:.1f}x; {row["share"]:.1%} of a ResNet-50 step ({row["resnet50_s"]:.1f} s); '
            f'{row["differences"]["accepted"]} images accepted, groups equal, loss within '
            f'{row["differences"]["loss"]:.0e}',
            flush=True,
        )


if __name__ == '__main__':
    main()
