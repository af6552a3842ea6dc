"""The worked example of docs/evaluation.md is what the code computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmwsol.evaluation import PROTOCOLS, parse_protocol
from mmwsol.evaluation.metrics import LocalizationMetric

HEADING = '| protocol | boxes the map of | threshold | box |'


def gaussian(x: float, y: float, width: float, height: float) -> np.ndarray:
    rows, columns = np.mgrid[:14, :14]
    return np.exp(-((columns - x) ** 2 / (2 * width**2) + (rows - y) ** 2 / (2 * height**2)))


def worked_sample() -> dict[str, Any]:
    """The image of the page: the true class is second, its map last again."""
    true = gaussian(6.5, 7, 2.5, 3.5) + 0.25 * gaussian(12, 2, 1, 1)
    best = gaussian(6, 5, 1.5, 1.5)
    others = [gaussian(2 + 2 * i, 10, 3, 3) for i in range(4)]
    return dict(
        sample_idx=0,
        img_id='example',
        gt_label=torch.tensor([1]),
        pred_scores=torch.tensor([0.40, 0.30, 0.10, 0.09, 0.06, 0.05]),
        pred_maps=torch.from_numpy(np.stack([best, true, *others, true])).float(),
        map_labels=torch.tensor([0, 1, 2, 3, 4, 5, 1]),
        ori_bboxes=np.array([[101.0, 61, 341, 301]]),
        ori_shape=(336, 448),
        resize_shape=(224, 224),
        crop_offset=(0, 0),
        img_shape=(224, 224),
    )


def table_of_the_page(repo_dir: Path) -> list[list[str]]:
    """Cells of the rows below the heading."""
    lines = (repo_dir / 'docs' / 'evaluation.md').read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(HEADING)) + 2
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith('|'))
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[start:end]]


def computed(names: list[str]) -> list[list[str]]:
    """Protocol, threshold, box, IoU, GT-known, Top-1 and Top-5 Loc of the example."""
    metric = LocalizationMetric([parse_protocol(name) for name in names], per_image=True)
    metric.process(None, [worked_sample()])
    metric.evaluate(1)
    rows = []
    for name, row in zip(names, metric.images.rows, strict=True):
        known = next(iter(row.hits))
        hits = ['hit' if row.hits[number][0] else 'miss' for number in (known, 'Top-1 Loc', 'Top-5 Loc')]
        hits[0] += ' (predicted)' if 'predicted' in known else ''
        box = ' '.join(f'{edge:g}' for edge in row.boxes[0])
        rows.append([f'`{name}`', f'{row.threshold:.2f}', box, f'{row.ious[0]:.3f}', *hits])
    return rows


def test_table_of_the_page_is_computed(repo_dir: Path) -> None:
    stated = table_of_the_page(repo_dir)
    names = [row[0].strip('`') for row in stated]
    assert {name.split(':')[0] for name in names} == set(PROTOCOLS)
    assert [[row[0], *row[2:]] for row in stated] == computed(names)
