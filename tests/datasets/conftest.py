"""Small data sets written in the published layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat


def write_image(path: Path, width: int = 20, height: int = 10, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def cub_root(data_root: Path) -> Path:
    """CUB's layout: ids 1, 2, 4, 7; two classes; images 1 and 4 train, 2 and 7 test; all 20x10 pixels."""
    root = data_root / 'CUB_200_2011'
    for i, name in ((1, '001.A/a1'), (2, '001.A/a2'), (4, '002.B/b1'), (7, '002.B/b2')):
        write_image(root / 'images' / f'{name}.jpg', seed=i)
    texts = {
        'classes.txt': '1 001.A\n2 002.B\n',
        'images.txt': '1 001.A/a1.jpg\n2 001.A/a2.jpg\n4 002.B/b1.jpg\n7 002.B/b2.jpg\n',
        'image_class_labels.txt': '1 1\n2 1\n4 2\n7 2\n',
        'train_test_split.txt': '1 1\n2 0\n4 1\n7 0\n',
        'bounding_boxes.txt': '1 1.0 2.0 3.0 4.0\n2 0.1 0.2 0.3 0.4\n4 0.0 0.0 20.0 10.0\n7 5.0 5.0 15.5 5.0',
    }
    for name, text in texts.items():
        (root / name).write_text(text)
    return root


@pytest.fixture
def metadata_root(data_root: Path) -> Path:
    """wsolevaluation's layout: three 20x10 images, the first with two boxes, the last with none."""
    root = data_root / 'meta'
    for i, name in enumerate(('val/x,1.png', 'val/y.png', 'val/z.png')):
        write_image(root / name, seed=i)
    texts = {
        'image_ids.txt': 'val/x,1.png\nval/y.png\nval/z.png',
        'class_labels.txt': 'val/x,1.png,1\nval/y.png,0\nval/z.png,2\n',
        'image_sizes.txt': 'val/x,1.png,20,10\nval/y.png,20,10\nval/z.png,20,10\n',
        'localization.txt': 'val/x,1.png,0,1,5,9\nval/x,1.png,2,2,19,9\nval/y.png,3,3,3,4\n',
    }
    for name, text in texts.items():
        (root / name).write_text(text)
    return root


@pytest.fixture
def replace_line() -> Callable[[Path, int, str], None]:
    """``replace_line(path, 2, 'text')`` changes one line of a file, counted from 1."""

    def replace(path: Path, number: int, text: str) -> None:
        lines = path.read_text().split('\n')
        lines[number - 1] = text
        path.write_text('\n'.join(lines))

    return replace


@pytest.fixture
def image_writer() -> Callable[..., None]:
    return write_image


@pytest.fixture
def mask_root(data_root: Path) -> Path:
    """OpenImages' layout: three 20x10 images; of the first two instances of other sizes, the last has no ignore file."""
    root = data_root / 'masks'
    for i in range(3):
        write_image(root / f'test/{i}.jpg', seed=i)
    draw_mask(root / 'test/0_m0.png', (10, 20), slice(0, 4), slice(0, 6))
    draw_mask(root / 'test/0_m1.png', (30, 30), slice(15, 30), slice(15, 30))
    draw_mask(root / 'test/0_ignore.png', (10, 20), slice(2, 8), slice(0, 20))
    draw_mask(root / 'test/1_m0.png', (10, 20), slice(0, 0), slice(0, 0))
    draw_mask(root / 'test/1_ignore.png', (10, 20), slice(0, 1), slice(0, 1))
    draw_mask(root / 'test/2_m0.png', (5, 10), slice(0, 5), slice(0, 5))
    texts = {
        'image_ids.txt': 'test/0.jpg\ntest/1.jpg\ntest/2.jpg',
        'class_labels.txt': 'test/0.jpg,1\ntest/1.jpg,0\ntest/2.jpg,2\n',
        'image_sizes.txt': '',
        'localization.txt': (
            'test/0.jpg,test/0_m0.png,test/0_ignore.png\ntest/0.jpg,test/0_m1.png,\n'
            'test/1.jpg,test/1_m0.png,test/1_ignore.png\ntest/2.jpg,test/2_m0.png,\n'
        ),
    }
    for name, text in texts.items():
        (root / name).write_text(text)
    return root


def draw_mask(path: Path, shape: tuple[int, int], rows: slice, columns: slice) -> None:
    """A PNG with 255 in a rectangle."""
    mask = np.zeros(shape, np.uint8)
    mask[rows, columns] = 255
    Image.fromarray(mask).save(path)


@pytest.fixture
def write_mat() -> Callable[..., None]:
    """``write_mat(path, names=['a', 'b'], table={'x': [1, 2], 'name': ['a', 'b']})``: cells, columns, struct arrays.

    Written as MATLAB does, compressed, by a library that the readers don't use.
    """

    def write(path: Path, **variables: list | dict) -> None:
        content = {}
        for key, value in variables.items():
            if isinstance(value, dict):
                rows = list(zip(*value.values()))
                content[key] = np.empty((1, len(rows)), [(name, object) for name in value])
                for i, row in enumerate(rows):
                    content[key][0, i] = tuple(
                        v if isinstance(v, str) else np.array([[v]], np.uint16) for v in row
                    )
            elif isinstance(value[0], str):
                content[key] = np.empty((len(value), 1), object)
                content[key][:, 0] = value
            else:
                content[key] = np.array(value, np.float64)[:, None]
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, content, do_compression=True)

    return write
