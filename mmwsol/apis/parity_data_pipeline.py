"""The test pipeline of the 224 frame, from image files to the network input, against golden numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mmengine.config import Config
from PIL import Image

import mmwsol
from mmwsol.evaluation import get_protocol
from mmwsol.evaluation.functional.boxes import boxes_to_input

from .parity import Comparison, Fixture, compare
from .parity_protocols import FRAME, parse_boxes

CONFIG = 'configs/_base_/datasets/cub_direct.py'


def check_data_pipeline(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """Pictures, boxes and labels of a folder in CUB's layout through the config's pipeline; a line of ILSVRC."""
    from mmwsol.datasets import CUB
    from mmwsol.models.data_preprocessors import LocDataPreprocessor

    names = sorted(key.split('_')[0] for key in fixture if re.fullmatch(r'cub\d+_image', key))
    rounding, preprocessor = get_protocol('tscam').gt_rounding, LocDataPreprocessor()
    pipeline = Config.fromfile(str(Path(mmwsol.__file__).parent / CONFIG)).test_pipeline
    with TemporaryDirectory() as root:
        write_cub(Path(root), fixture, names)
        dataset = CUB(data_root=root, split='test', test_mode=True, pipeline=pipeline)
        for name, packed in zip(names, dataset):
            sample = packed['data_samples']
            inputs = preprocessor({'inputs': [packed['inputs']]})['inputs'][0]  # (3, 224, 224)
            box = boxes_to_input(sample.ori_bboxes, sample.ori_shape, sample.resize_shape, rounding=rounding)
            yield compare(
                f'{name}_tensor_s4', inputs[:, ::4, ::4].numpy(), fixture[f'{name}_tensor_s4'], 1e-6
            )
            yield compare(f'{name}_box', box[0], fixture[f'{name}_box'])
            yield compare(f'{name}_label', sample.gt_label[0].item(), fixture[f'{name}_label'])
    line = re.split(r'[ x()]+', str(fixture['in_line']))  # file label x0 y0 x1 y1 .. image W H
    numbers, size = ' '.join(line[2:-4]), (int(line[-2]), int(line[-3]))
    boxes = boxes_to_input(parse_boxes(numbers), size, FRAME, rounding=rounding)
    yield compare('in_box', boxes.ravel(), fixture['in_box'])


def write_cub(root: Path, fixture: Fixture, names: Sequence[str]) -> None:
    """The stored pictures and annotations as a test split in CUB-200-2011's layout."""
    labels = [int(fixture[f'{name}_label']) for name in names]
    files = [f'{label:03d}/{name}.png' for label, name in zip(labels, names)]
    for name, file in zip(names, files):
        (root / 'images' / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(fixture[f'{name}_image']).save(root / 'images' / file)
    boxes = [str(fixture[f'{name}_rawbox']).split(maxsplit=1)[1] for name in names]
    tables: dict[str, list] = {
        'images': files,
        'image_class_labels': [label + 1 for label in labels],
        'train_test_split': [0] * len(names),
        'bounding_boxes': boxes,
        'classes': [f'class{label}' for label in range(max(labels) + 1)],
    }
    for table, values in tables.items():
        lines = [f'{number} {value}\n' for number, value in enumerate(values, 1)]
        (root / f'{table}.txt').write_text(''.join(lines))
