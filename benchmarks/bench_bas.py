"""Speed of a BAS training step against a plain re-statement of the published procedure.

The published step copies the layers behind the split and the head in every forward pass and lets weight gradients land
on the copies, computes the generator's maps of all classes and picks one, and indexes sample by sample in Python.
Ours runs the erased pass with detached weights and computes the one map. Both run forward and backward with the
same weights on the same batch, in turn; their losses must agree. Beside the measured ratio stands the ratio of
the multiplications, counted layer by layer: a backward pass costs two forward passes, one where weights need no gradient.
Times are this process's CPU time (and wall time), median of the repeats, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import Tensor, nn

from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.models.localizers import Localizer
from mmwsol.registry import MODELS
from mmwsol.structures import labelled_samples


def build_model(backbone: str, num_classes: int) -> Localizer:
    """The model of the shipped config ``bas/bas_<backbone>_cub.py`` from random weights, in training mode."""
    cfg = Config.fromfile(find_config(f'bas/bas_{backbone}_cub.py'))
    cfg.model.head.num_classes = num_classes
    drop_pretrained_weights(cfg.model)
    return MODELS.build(cfg.model).train()


def published_losses(model: Localizer, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """The losses of one step by the procedure as published, on the layers of ``model``."""
    backbone, head = model.backbone, model.head
    stages = [[backbone.get_submodule(name) for name in names] for names in backbone.stages]
    before = [module for stage in stages[: head.split_stage] for module in stage]
    behind = nn.Sequential(
        *(module for stage in stages[head.split_stage :] for module in stage), head.classifier
    )

    split = images
    for module in before:
        split = module(split)
    cams = behind(split)  # (N, K, h', w')
    logits = cams.mean((2, 3))
    maps = torch.sigmoid(head.generator(split))  # (N, K, h, w)
    foreground = torch.stack([maps[i, labels[i]] for i in range(len(labels))])[:, None]  # (N, 1, h, w)

    erased_cams = copy.deepcopy(behind)(split.detach() * (1 - foreground))
    erased_logits = erased_cams.mean((2, 3))
    score, score_bg = [], []
    for i in range(len(labels)):
        score.append(logits[i, labels[i]].detach().relu())
        score_bg.append(erased_logits[i, labels[i]].relu())
    ratio = torch.stack(score_bg) / (torch.stack(score) + head.loss_bas.eps)
    for i in range(len(labels)):
        if score_bg[i] > score[i]:
            ratio[i] = head.loss_bas.replaced_value

    losses = {'loss_cls': F.cross_entropy(logits, labels)}
    if head.frg_weight:
        inside = (cams * F.avg_pool2d(foreground, 2)).mean((2, 3))  # (N, K)
        losses['loss_frg'] = head.frg_weight * F.cross_entropy(inside, labels)
    losses['loss_bas'] = ratio.mean()
    losses['loss_area'] = head.loss_area.loss_weight * foreground.mean((1, 2, 3)).mean()
    return losses


def multiplications(model: Localizer, input_size: int) -> dict[str, float]:
    """GMAC of one image's training step, ``published`` and ``ours``, from the sizes its convolutions really see."""
    head, counts = model.head, {'backbone': 0.0, 'behind': 0.0, 'generator': 0.0}
    prefixes = (
        *(f'backbone.{p}' for p in model.backbone.stage_prefixes(head.split_stage)),
        'head.classifier.',
    )

    def counter(keys: tuple[str, ...]) -> Callable:
        def hook(module: nn.Conv2d, _: Any, output: Tensor) -> None:
            for key in keys:
                counts[key] += module.weight.numel() * output.shape[-2:].numel() / 1e9

        return hook

    handles = []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            keys = ('generator',) if module is head.generator else ('backbone',)
            handles.append(
                module.register_forward_hook(counter(keys + ('behind',) * f'{name}.'.startswith(prefixes)))
            )
    model.eval()
    with torch.no_grad():
        split, _ = head.pre_logits(model.extract_feat(torch.zeros(1, 3, input_size, input_size)))
        head.generator(split)
    model.train()
    for handle in handles:
        handle.remove()
    published = 3 * sum(counts.values())
    ours = 3 * (counts['backbone'] + counts['generator'] / head.num_classes) + 2 * counts['behind']
    return {'published': published, 'ours': ours, 'ratio': published / ours}


def run(
    backbone: str = 'mobilenetv1',
    classes: int = 200,
    batch: int = 8,
    repeats: int = 5,
    input_size: int = 224,
    seed: int = 0,
) -> dict[str, Any]:
    """CPU and wall seconds of both steps, their median ratios, the ratio of multiplications and the losses.

    ``RuntimeError`` if the losses differ by more than 1e-4 relative.
    """
    torch.manual_seed(seed)
    model = build_model(backbone, classes)
    images = torch.randn(batch, 3, input_size, input_size)
    labels = torch.randint(classes, (batch,))
    samples = labelled_samples(labels)
    steps = {
        'published': lambda: published_losses(model, images, labels),
        'ours': lambda: model(images, samples, mode='loss'),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    losses: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for name, step in steps.items():
            losses[name], elapsed = timed_step(model, step)
            times[name].append(elapsed)
    for key, value in losses['published'].items():
        if abs(losses['ours'][key] - value) > 1e-4 * max(1.0, abs(value)):
            raise RuntimeError(f'{key} differs: published procedure {value}, ours {losses["ours"][key]}')
    result: dict[str, Any] = dict(
        backbone=backbone, classes=classes, batch=batch, input_size=input_size, losses=losses
    )
    for clock, unit in enumerate(('cpu', 'wall')):
        pairs = [(a[clock], b[clock]) for a, b in zip(times['published'], times['ours'])]
        result[f'{unit}_published_s'] = statistics.median(a for a, _ in pairs)
        result[f'{unit}_ours_s'] = statistics.median(b for _, b in pairs)
        result[f'{unit}_ratio'] = statistics.median(a / b for a, b in pairs)
    result['multiplications'] = multiplications(model, input_size)
    return result


def timed_step(
    model: Localizer, step: Callable[[], dict[str, Tensor]]
) -> tuple[dict[str, float], tuple[float, float]]:
    """Losses of one forward and backward pass, and its CPU and wall seconds."""
    model.zero_grad(set_to_none=True)
    cpu, wall = time.process_time(), time.perf_counter()
    losses = step()
    sum(losses.values()).backward()
    elapsed = time.process_time() - cpu, time.perf_counter() - wall
    return {key: value.item() for key, value in losses.items()}, elapsed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--backbone', nargs='+', default=['mobilenetv1', 'resnet50'])
    parser.add_argument('--classes', nargs='+', type=int, default=[200, 1000])
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--input-size', type=int, default=224)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f'BAS training step, batch {args.batch}, {args.input_size}x{args.input_size}, one thread; losses agree'
    )
    print('backbone      classes   published    ours (CPU s)   CPU ratio   wall ratio   multiplications')
    for backbone in args.backbone:
        for classes in args.classes:
            row = run(backbone, classes, args.batch, args.repeats, args.input_size)
            print(
                f'{backbone:12} {classes:8} {row["cpu_published_s"]:11.2f} {row["cpu_ours_s"]:15.2f} '
                f'{row["cpu_ratio"]:10.2f}x {row["wall_ratio"]:11.2f}x {row["multiplications"]["ratio"]:16.2f}x',
                flush=True,
            )


if __name__ == '__main__':
    main()
