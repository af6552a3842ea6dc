"""Speed and memory of TS-CAM, SCM and SAT training steps against plain re-statements of the published steps.

The published steps write every attention matrix out (heads x L x L), keep them all (TS-CAM and SCM stack them), mask the
matrices (SAT), classify every position densely, and SCM iterates Newton-Schulz on dense matrices in every block. Ours runs
fused attention, keeps single rows, and takes the closed forms. Both do forward and backward with the same weights on the
same batch, in turn; their losses must agree. Times are CPU seconds of this process, with ``--device cuda`` seconds to the
end of the device's work, the median of the repeats. Memory (float32) is the peak above that of a step with one image, of a
process each.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import Config
from process_memory import resident_memory
from torch import Tensor

from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.models.localizers import Localizer
from mmwsol.registry import MODELS
from mmwsol.structures import labelled_samples

METHODS = ('sat', 'tscam', 'scm')
# glibc returns freed buffers at once, so that the peak is what was in use and not what was kept for reuse
GIVE_BACK = {'MALLOC_MMAP_THRESHOLD_': '65536', 'MALLOC_TRIM_THRESHOLD_': '65536'}


def build_model(method: str, size: str = 'small', num_classes: int = 200) -> Localizer:
    """The model of the shipped configuration from random weights, in training mode, without stochastic depth."""
    cfg = Config.fromfile(find_config(f'{method}/{method}_deit{size}_cub.py'))
    cfg.model.head.num_classes = num_classes
    cfg.model.backbone.drop_path_rate = 0.0
    drop_pretrained_weights(cfg.model)
    return MODELS.build(cfg.model).train()


def attend_explicitly(
    block: Any, tokens: Tensor, spatial: bool = False, masked: bool = False
) -> tuple[Tensor, Tensor, Tensor | None]:
    """A block with its matrices written out: tokens, attention (N, heads, L, L), and the last token's mask if ``spatial``.

    SAT computes the mask in every block and applies it (``masked``) in the last ones.
    """
    attention, (n, length, width) = block.attn, tokens.shape
    qkv = (
        attention.qkv(block.norm1(tokens))
        .reshape(n, length, 3, attention.num_heads, -1)
        .permute(2, 0, 3, 1, 4)
    )
    scores = qkv[0] * attention.scale @ qkv[1].transpose(-2, -1)
    matrix, mask = scores.softmax(-1), None
    weights = matrix
    if spatial:
        mask = scores[:, :, -1].mean(1).sigmoid()  # (N, L)
        weights = matrix * mask[:, None, None] if masked else matrix
    tokens = tokens + attention.proj((weights @ qkv[2]).transpose(1, 2).reshape(n, length, width))
    return tokens + block.mlp(block.norm2(tokens)), matrix, mask


def published_losses(model: Localizer, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """The losses of one step by the procedure as published, on the layers of ``model``.

    SAT masks the matrices of its last blocks; TS-CAM and SCM stack all matrices, TS-CAM for nothing in training.
    """
    backbone, head = model.backbone, model.head
    tokens, grid = backbone.embed(images)
    spatial = getattr(backbone, 'num_spatial_blocks', 0)
    matrices, masks = [], []
    for index, block in enumerate(backbone.net.blocks):
        masked = index >= len(backbone.net.blocks) - spatial
        tokens, matrix, mask = attend_explicitly(block, tokens, spatial > 0, masked)
        matrices.append(matrix)
        masks += [mask] if masked else []
    patches = slice(1, 1 + grid[0] * grid[1])
    semantic = head.semantic(
        backbone.net.norm(tokens)[:, patches].transpose(1, 2).unflatten(2, grid)
    )  # (N, K, h, w)
    if spatial:
        fused = torch.stack(masks).mean(0)[:, patches].unflatten(1, grid)[:, None]
        losses = {'loss_area': head.loss_area(fused), 'loss_norm': head.loss_norm(fused)}
        return {'loss_cls': F.cross_entropy(semantic.mean((2, 3)), labels), **losses}
    attention = torch.stack(matrices).mean(2).sum(0)[:, 0, patches]  # (N, P)
    if head.diffusion is None:
        return {'loss_cls': F.cross_entropy(semantic.mean((2, 3)), labels)}
    return {'loss_cls': F.cross_entropy(diffuse_densely(head.diffusion, attention, semantic), labels)}


def diffuse_densely(neck: Any, attention: Tensor, semantic: Tensor) -> Tensor:
    """Logits (N, K) behind SCM's blocks as published: all cosines, dense Newton-Schulz and a new map in every block."""
    height, width = semantic.shape[2:]
    size = height * width
    place = torch.arange(size, device=semantic.device)
    row, column = place // width, place % width
    near = (row[:, None] - row).abs() + (column[:, None] - column).abs() == 1
    laplacian = torch.diag(near.sum(1)) - near.long()

    def minmax(x: Tensor) -> Tensor:
        shifted = x - x.min(1, keepdim=True).values
        return shifted / shifted.max(1, keepdim=True).values

    flow, maps = minmax(attention), semantic.flatten(2)
    for index, steps in enumerate(neck.steps):
        unit = maps / maps.norm(dim=1, keepdim=True)
        matrix = laplacian * (neck.affinity_weights[index] * (unit.mT @ unit) - 1)
        inverse = (neck.alpha * matrix.mT).detach()
        for _ in range(steps):
            inverse = inverse @ (2 * torch.eye(size, device=matrix.device) - matrix @ inverse)
        diffused = (inverse.mT @ flow[..., None])[..., 0]
        mask = minmax(F.tanhshrink(diffused / (neck.thresholds[index] * flow.max(1, keepdim=True).values)))
        maps, flow = maps * (1 + mask[:, None]), flow + mask
    return maps.mean(2)


def steps_of(
    model: Localizer, batch: int, amp: bool = False, input_size: int = 224, seed: int = 0
) -> dict[str, Callable[[], dict[str, Tensor]]]:
    """Both forward passes to the losses, on one drawn batch; ``amp``: in bfloat16 autocast."""
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    images = torch.randn(batch, 3, input_size, input_size).to(device)
    labels = torch.randint(model.head.num_classes, (batch,)).to(device)
    samples = labelled_samples(labels)

    def published() -> dict[str, Tensor]:
        with torch.autocast(device.type, torch.bfloat16, enabled=amp):
            return published_losses(model, images, labels)

    def ours() -> dict[str, Tensor]:
        with torch.autocast(device.type, torch.bfloat16, enabled=amp):
            return model(images, samples, mode='loss')

    return {'published': published, 'ours': ours}


def timed_step(model: Localizer, step: Callable[[], dict[str, Tensor]]) -> tuple[dict[str, float], float]:
    """Losses of one forward and backward pass and its seconds: of the CPU, or until the device is done."""
    on_device = next(model.parameters()).is_cuda
    clock = time.perf_counter if on_device else time.process_time
    model.zero_grad(set_to_none=True)
    if on_device:
        torch.cuda.synchronize()
    start = clock()
    losses = step()
    sum(losses.values()).backward()
    if on_device:
        torch.cuda.synchronize()
    return {key: value.item() for key, value in losses.items()}, clock() - start


def run(
    method: str,
    size: str = 'small',
    batch: int = 8,
    repeats: int = 5,
    num_classes: int = 200,
    amp: bool = False,
    input_size: int = 224,
    device: str = 'cpu',
) -> dict[str, Any]:
    """Median seconds of both steps, the median of their ratios, and the losses.

    ``RuntimeError`` if the losses differ by more than 1e-4 relative (5 % under ``amp``).
    """
    torch.manual_seed(0)
    model = build_model(method, size, num_classes).to(device)
    steps = steps_of(model, batch, amp, input_size)
    if device != 'cpu':
        for step in steps.values():
            timed_step(model, step)  # kernels are chosen and loaded
    times: dict[str, list[float]] = {name: [] for name in steps}
    losses: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for name, step in steps.items():
            losses[name], elapsed = timed_step(model, step)
            times[name].append(elapsed)
    for key, value in losses['published'].items():
        if abs(losses['ours'][key] - value) > (0.05 if amp else 1e-4) * max(1.0, abs(value)):
            raise RuntimeError(f'{method} {key}: published procedure {value}, ours {losses["ours"][key]}')
    ratio = statistics.median(a / b for a, b in zip(times['published'], times['ours']))
    medians = {f'{name}_s': statistics.median(values) for name, values in times.items()}
    return dict(method=method, batch=batch, losses=losses, ratio=ratio, **medians)


def peak_memory(
    method: str,
    name: str,
    size: str,
    batch: int,
    num_classes: int = 200,
    input_size: int = 224,
    device: str = 'cpu',
) -> float:
    """MiB that a step of ``batch`` images needs above one of a single image, in a process of its own."""
    command = [sys.executable, '-W', 'ignore', __file__, '--memory-of', method, name]
    command += ['--size', size, '--batch', str(batch)]
    command += ['--classes', str(num_classes), '--input-size', str(input_size), '--device', device]
    out = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **GIVE_BACK}
    ).stdout
    return json.loads(out.splitlines()[-1])


def measure_memory(
    method: str, name: str, size: str, batch: int, num_classes: int, input_size: int, device: str
) -> None:
    model = build_model(method, size, num_classes).to(device)
    peak_of = peak_while if device == 'cpu' else device_peak_while

    def step(images: int) -> None:
        timed_step(model, steps_of(model, images, input_size=input_size)[name])

    step(1)  # weights, their gradients, libraries and their buffers
    single = peak_of(lambda: step(1))
    print(json.dumps((peak_of(lambda: step(batch)) - single) / 2**20))


def peak_while(work: Callable[[], object]) -> int:
    """Largest resident memory of this process in bytes while ``work`` runs, looked at every two milliseconds."""
    peak, done = [resident_memory()], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], resident_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return peak[0]


def device_peak_while(work: Callable[[], object]) -> int:
    """Largest memory in bytes that tensors on the device take while ``work`` runs."""
    torch.cuda.reset_peak_memory_stats()
    work()
    return torch.cuda.max_memory_allocated()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--size', default='small', choices=('tiny', 'small', 'base'))
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--classes', type=int, default=200)
    parser.add_argument('--input-size', type=int, default=224)
    parser.add_argument('--device', default='cpu', help="'cuda' for a GPU")
    parser.add_argument('--amp', action='store_true', help='both steps in bfloat16 autocast')
    parser.add_argument('--memory-of', nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.memory_of:
        measure_memory(*args.memory_of, args.size, args.batch, args.classes, args.input_size, args.device)
        return
    print(
        f'training step on DeiT-{args.size.title()}, batch {args.batch}, {args.classes} classes, input {args.input_size}, '
        f'{args.device}, one thread; losses agree' + ('; bfloat16' if args.amp else '')
    )
    print('method   published       ours (s)   ratio   images/s   published   ours (MiB)')
    rows = {}
    for method in METHODS:
        rows[method] = row = run(
            method, args.size, args.batch, args.repeats, args.classes, args.amp, args.input_size, args.device
        )
        memory = [
            peak_memory(method, name, args.size, args.batch, args.classes, args.input_size, args.device)
            for name in ('published', 'ours')
        ]
        print(
            f'{method:6} {row["published_s"]:11.3f} {row["ours_s"]:14.3f} {row["ratio"]:7.2f}x '
            f'{args.batch / row["ours_s"]:9.1f} '
            f'{memory[0]:11.0f} {memory[1]:12.0f}',
            flush=True,
        )
    added = rows['scm']['ours_s'] / rows['tscam']['ours_s'] - 1
    print(f"SCM's step costs {100 * added:.1f} % more than TS-CAM's")


if __name__ == '__main__':
    main()
