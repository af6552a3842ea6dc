from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image


def draw_scene(seed: int, width: int = 120, height: int = 90) -> Image.Image:
    """A smooth picture of its own for each seed, as a photograph is and noise is not."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


@pytest.fixture
def scene() -> Callable[..., Image.Image]:
    return draw_scene


@pytest.fixture
def birds(data_root: Path) -> Path:
    """A faultless CUB tree of 120x90 JPEGs: two classes, of each two training and two test images."""
    root = data_root / 'birds'
    names = [f'{folder}/{i}.jpg' for folder in ('001.A', '002.B') for i in range(4)]
    for seed, name in enumerate(names):
        (root / 'images' / name).parent.mkdir(parents=True, exist_ok=True)
        draw_scene(seed).save(root / 'images' / name)
    tables = {
        'images': names,
        'image_class_labels': [1 + i // 4 for i in range(8)],
        'train_test_split': [1, 1, 0, 0] * 2,
        'bounding_boxes': ['10.0 20.0 60.0 50.0'] * 8,
        'image_sizes': ['120 90'] * 8,
        'classes': ['001.A', '002.B'],
    }
    for name, rows in tables.items():
        lines = [f'{i} {row}' for i, row in enumerate(rows, start=1)]
        (root / f'{name}.txt').write_text('\n'.join(lines) + '\n')
    return root
