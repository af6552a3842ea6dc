"""Speed of the evaluator's threshold sweep against a plain findContours loop.

MaxBoxAcc (largest contour) and MaxBoxAccV2 (all contours) at threshold step 0.001 on 224x224 heat maps, one
thread. The loop does what the published procedure does: for each of the 1000 thresholds, cut the uint8 map,
find contours, box them, take the best IoU. Both sides count the same images correct at every threshold, which
is checked. Times are this process's CPU time, median of repeats in turn, so that other work on the machine
does not count.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmwsol.evaluation.functional.boxes import pairwise_iou
from mmwsol.evaluation.functional.localization_accuracy import (
    NUM_UINT8_LEVELS,
    iou_hits,
    threshold_grid,
    uint8_cuts,
)
from mmwsol.evaluation.localization import protocol_ious
from mmwsol.evaluation.protocols import get_protocol

SIZE = 224
IOU_LEVELS = (30, 50, 70)


def make_maps(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], list[NDArray[np.float64]]]:
    """uint8 heat maps (N, 224, 224) like CAMs, noisy blobs of 7, 14 or 28 pixels resized, and their boxes."""
    rng = np.random.default_rng(seed)
    maps = np.empty((count, SIZE, SIZE), np.uint8)
    boxes = []
    for i in range(count):
        side = (7, 14, 28)[i % 3]
        y, x = np.mgrid[:side, :side] / side
        cx, cy = rng.uniform(0.3, 0.7, 2)
        sx, sy = rng.uniform(0.1, 0.3, 2)
        low = np.exp(-((x - cx) ** 2) / (2 * sx**2) - (y - cy) ** 2 / (2 * sy**2))
        low += rng.uniform(0.05, 0.3) * rng.standard_normal((side, side))
        full = cv2.resize(low, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        maps[i] = np.floor(255 * ((full - full.min()) / np.ptp(full)))
        box = np.array([cx - 2 * sx, cy - 2 * sy, cx + 2 * sx, cy + 2 * sy]) + 0.05 * rng.standard_normal(4)
        boxes.append(np.trunc(np.clip(box, 0, 1) * (SIZE - 1))[None])
    return maps, boxes


def plain_loop(
    image: NDArray[np.uint8], gt_bboxes: NDArray, thresholds: NDArray, all_contours: bool
) -> NDArray:
    """Best IoU at each threshold (J,), by the procedure as published."""
    peak = image.max()
    height, width = image.shape
    best = np.empty(len(thresholds))
    for j, threshold in enumerate(thresholds):
        _, mask = cv2.threshold(image, int(threshold * peak), 255, cv2.THRESH_BINARY)
        contours = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
        if contours and not all_contours:
            contours = [max(contours, key=cv2.contourArea)]
        boxes = [(0, 0, 0, 0)] if not contours else []
        for contour in contours:
            x, y, w, h = cv2.boundingRect(contour)
            boxes.append((x, y, min(x + w, width - 1), min(y + h, height - 1)))
        best[j] = pairwise_iou(boxes, gt_bboxes).max()
    return best


def run(images: int = 24, seed: int = 0, repeats: int = 3, interval: float = 0.001) -> dict[str, Any]:
    """Images per CPU second of the loop and of the sweep, and their ratio, for V1 and V2.

    Raises ``RuntimeError`` if the counts differ.
    """
    cv2.setNumThreads(1)
    maps, boxes = make_maps(images, seed)
    thresholds = threshold_grid(interval)
    cuts = uint8_cuts(thresholds)
    result: dict[str, Any] = dict(images=images, interval=interval, repeats=repeats)
    for name, protocol in (('MaxBoxAcc', get_protocol('choe_v1')), ('MaxBoxAccV2', get_protocol('choe_v2'))):
        all_contours = protocol.component == 'all_contours'

        def loop(every: bool = all_contours) -> NDArray:
            return np.stack([plain_loop(m, b, thresholds, every) for m, b in zip(maps, boxes)])

        def sweep(rules: Any = protocol) -> NDArray:
            return protocol_ious(maps, NUM_UINT8_LEVELS, boxes, rules)[:, cuts]

        sweep()  # compile
        times: dict[str, list[float]] = {'loop': [], 'sweep': []}
        for _ in range(repeats):
            plain = _timed(loop, times['loop'])
            fast = _timed(sweep, times['sweep'])
        counts = [iou_hits(ious, IOU_LEVELS).sum(axis=0) for ious in (plain, fast)]
        if not np.array_equal(*counts):
            raise RuntimeError(f'{name}: the sweep counts other images correct than the loop')
        loop_s, sweep_s = statistics.median(times['loop']), statistics.median(times['sweep'])
        ratio = statistics.median(a / b for a, b in zip(times['loop'], times['sweep']))
        result[name] = dict(loop_img_s=images / loop_s, sweep_img_s=images / sweep_s, ratio=ratio)
    return result


def _timed(function: Callable[[], NDArray], times: list[float]) -> NDArray:
    start = time.process_time()
    value = function()
    times.append(time.process_time() - start)
    return value


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--images', type=int, default=24)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    result = run(args.images, args.seed, args.repeats)
    print(f'{args.images} maps, {SIZE}x{SIZE}, step {result["interval"]}, one thread, CPU time; counts equal')
    for name in ('MaxBoxAcc', 'MaxBoxAccV2'):
        row = result[name]
        print(
            f'{name:12} findContours loop {row["loop_img_s"]:7.1f} img/s   '
            f'sweep {row["sweep_img_s"]:7.1f} img/s   {row["ratio"]:5.1f}x'
        )


if __name__ == '__main__':
    main()
