"""A whole ILSVRC-sized localization test: 50,000 synthetic annotations and maps, in one process and in two.

Each image has 1 to 4 true boxes on 500x375 pixels, 1000 class scores and maps of 14x14 for the true class and the five
best, seen through resize 256, crop 224; what was found on each image is kept, as ``tools/test.py`` does. Reported are the
CPU seconds in the metric (drawing the samples does not count), the resident memory of the process after each fifth of the
images and at most, and whether two processes find the numbers of one to the last digit.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.multiprocessing as mp
from process_memory import resident_memory
from torch import distributed as dist

from mmwsol.evaluation.metrics import LocalizationMetric

PROTOCOLS = ('choe_v2', 'strict')
CLASSES, BEST, SIDE = 1000, 5, 14
WIDTH, HEIGHT = 500, 375
BATCH = 50
REPORTS = 5


def draw_batch(index: int, seed: int) -> list[dict[str, Any]]:
    """Samples ``index * BATCH ..`` as a test hands them to a metric, always the same."""
    rng = np.random.default_rng([seed, index])
    scores = torch.from_numpy(rng.standard_normal((BATCH, CLASSES), np.float32))
    labels = rng.integers(0, CLASSES, BATCH)
    scores[torch.arange(BATCH), torch.from_numpy(labels)] += 4
    best = scores.topk(BEST).indices.numpy()
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    samples = []
    for i in range(BATCH):
        size = rng.uniform(0.2, 0.9, (rng.integers(1, 5), 2))
        corner = rng.uniform(0, 1, size.shape) * (1 - size)
        boxes = np.concatenate([corner, corner + size], 1)
        centre = rng.normal(boxes[0].reshape(2, 2).mean(0), 0.1, (1 + BEST, 2))[:, :, None, None]
        spread = rng.uniform(0.5, 1.5, (1 + BEST, 2, 1, 1)) * size[0, :, None, None] / 2
        maps = np.exp(-(((np.stack([x, y]) - centre) / spread) ** 2).sum(1))
        maps += 0.05 * rng.standard_normal(maps.shape)
        number = index * BATCH + i
        samples.append(
            dict(
                sample_idx=number,
                img_id=f'val/ILSVRC2012_val_{number + 1:08d}.JPEG',
                gt_label=torch.tensor([labels[i]]),
                pred_scores=scores[i].softmax(0),
                pred_maps=torch.from_numpy(maps.astype(np.float32)),
                map_labels=torch.from_numpy(np.concatenate([labels[i : i + 1], best[i]])),
                ori_bboxes=np.round(boxes * (WIDTH, HEIGHT, WIDTH, HEIGHT)),
                ori_shape=(HEIGHT, WIDTH),
                resize_shape=(256, 256),
                crop_offset=(16, 16),
                img_shape=(224, 224),
            )
        )
    return samples


def evaluate(images: int, seed: int, rank: int = 0, world: int = 1) -> dict[str, Any]:
    """This rank's share of ``images`` through one metric: summary, CPU seconds, MiB after each fifth and at most."""
    metric = LocalizationMetric(PROTOCOLS, num_threads=1, per_image=True)
    metric.dataset_meta = dict(classes=[str(k) for k in range(CLASSES)], split='val')
    own = range(rank, images // BATCH, world)
    marks = {round(len(own) * (k + 1) / REPORTS) for k in range(REPORTS)}
    seconds, memory = 0.0, []
    for done, index in enumerate(own, 1):
        samples = draw_batch(index, seed)
        start = time.process_time()
        metric.process(None, samples)
        seconds += time.process_time() - start
        if done in marks:
            memory.append(resident_memory() / 2**20)
    start = time.process_time()
    metric.evaluate(images)
    end = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return dict(summary=metric.summary, process_s=seconds, end_s=end, memory=memory, peak=peak)


def _worker(rank: int, world: int, folder: str, images: int, seed: int) -> None:
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group('gloo', init_method=f'file://{folder}/init', rank=rank, world_size=world)
    result = evaluate(images, seed, rank, world)
    Path(folder, f'{rank}.json').write_text(json.dumps(result, default=float))
    if world > 1:
        dist.destroy_process_group()


def run(images: int = 50_000, seed: int = 0, world: int = 1) -> list[dict[str, Any]]:
    """``evaluate`` in ``world`` fresh processes: the result of each rank."""
    if images % (BATCH * world):
        raise ValueError(f'images must be a multiple of {BATCH * world}, got {images}')
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_worker, (world, folder, images, seed), nprocs=world)
        return [json.loads(Path(folder, f'{rank}.json').read_text()) for rank in range(world)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--images', type=int, default=50_000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    print(f'{args.images} images, {" and ".join(PROTOCOLS)}, all thresholds in steps of 0.001')
    results = []
    for world in (1, 2):
        results.append(run(args.images, args.seed, world))
        for rank, result in enumerate(results[-1]):
            after = ' '.join(f'{mib:.0f}' for mib in result['memory'])
            print(
                f'process {rank + 1} of {world}: {result["process_s"]:.0f} s in the batches, {result["end_s"]:.1f} s at the '
                f'end; {after} MiB after each fifth, {result["peak"]:.0f} MiB at most'
            )
    (one,), two = results
    if any(result['summary'] != one['summary'] for result in two):
        raise RuntimeError('two processes find other numbers than one')
    print('two processes find the numbers of one to the last digit:')
    for row in one['summary']['rows']:
        numbers = {name: value for name, value in row.items() if isinstance(value, float)}
        print(row['name'], ' '.join(f'{name} {value:.4f}' for name, value in numbers.items()))


if __name__ == '__main__':
    main()
