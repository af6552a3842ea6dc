"""Score localization maps that any program has saved, under any protocol.

    python tools/analysis/evaluate_maps.py MAPS --metadata DIR --protocol choe_v2 --protocol bas_ext
    python tools/analysis/evaluate_maps.py MAPS --cub DIR --split test --resize 256 --protocol bas

MAPS is a folder with ``<image id>.npy`` (the image's own extension kept, or left away) or one ``.npz`` whose
keys are the image ids. A map is two-dimensional and of any size: the map of the true class, or a
class-agnostic one; or three-dimensional, (classes, h, w), which with ``--predictions`` lets a protocol choose
(``scm`` boxes predicted classes, ``bas`` the mean of the best ones). It covers the network input: the image
squashed to ``--map-size``, or, with ``--resize``, the centre crop of the image squashed to that.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from mmwsol.datasets.annotation_files import read_cub, read_wsol_metadata
from mmwsol.evaluation.metrics import LocalizationMetric
from mmwsol.evaluation.prediction_file import PredictionFile
from mmwsol.evaluation.protocols import PROTOCOLS, Protocol, parse_protocol

logger = logging.getLogger('evaluate_maps')


class MapFiles:
    """Maps by image id, from a folder of .npy files or an .npz file, each checked when it is read."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise FileNotFoundError(f'there is no folder or .npz file {path}')
        if path.is_file() and path.suffix != '.npz':
            raise ValueError(f'maps are a folder of .npy files or one .npz file, got {path}')
        self.path = path
        self._archive = np.load(path, allow_pickle=False) if path.is_file() else None

    def __getitem__(self, img_id: str) -> NDArray:
        values, source = self._read(img_id)
        if values.ndim not in (2, 3) or 0 in values.shape:
            raise ValueError(
                f'the map of {img_id} must be two-dimensional, or (classes, h, w), got the shape '
                f'{values.shape} in {source}'
            )
        if not np.issubdtype(values.dtype, np.number) or not np.isfinite(values).all():
            raise ValueError(f'the map of {img_id} must hold finite numbers only, which {source} does not')
        return values

    def _read(self, img_id: str) -> tuple[NDArray, str]:
        names = (img_id, str(Path(img_id).with_suffix('')))
        if self._archive is not None:
            for name in names:
                if name in self._archive:
                    return self._archive[name], f'{self.path}[{name}]'
            raise FileNotFoundError(
                f'{self.path} has no map of {img_id}, neither as {names[0]} nor as {names[1]}'
            )
        for name in names:
            file = self.path / f'{name}.npy'
            if file.is_file():
                return np.load(file, allow_pickle=False), str(file)
        raise FileNotFoundError(
            f'no map of {img_id}: there is neither {names[0]}.npy nor {names[1]}.npy in {self.path}'
        )


def read_annotations(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Annotated images with ``img_id``, ``gt_label``, ``bboxes`` (M, 4) and ``size`` (W, H)."""
    if args.metadata:
        entries = read_wsol_metadata(args.metadata)
    else:
        entries = [
            e for e in read_cub(args.cub) if args.split == 'all' or e['is_train'] == (args.split == 'train')
        ]
    if not entries:
        raise ValueError(f'there are no images in {args.metadata or args.cub}')
    for entry in entries:
        if 'size' in entry:
            continue
        if 'img_path' not in entry:
            raise ValueError(
                f'{args.metadata}/image_sizes.txt has no size of {entry["img_id"]}, which its boxes need'
            )
        with Image.open(entry['img_path']) as image:
            entry['size'] = image.size
    return entries


def read_predictions(path: Path, entries: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Class scores (K,) by image id, see ``PredictionFile``."""
    predictions = PredictionFile(path)
    labels = {entry['gt_label'] for entry in entries}
    if predictions.shortest_list < min(5, len(labels)):
        logger.warning('%s lists fewer than five labels for some images; Top-5 counts only these', path)
    predictions.require(entry['img_id'] for entry in entries)
    count = 1 + max(*labels, predictions.max_label) if predictions.max_label >= 0 else 0
    return {entry['img_id']: predictions.scores(entry['img_id'], count) for entry in entries}


def make_samples(
    entries: Sequence[Mapping[str, Any]],
    maps: MapFiles,
    predictions: Mapping[str, Tensor] | None,
    map_size: tuple[int, int],
    resize: tuple[int, int],
) -> Iterator[dict[str, Any]]:
    """Data samples as a localizer would emit them; maps are read one by one."""
    offset = tuple((whole - part) // 2 for whole, part in zip(resize, map_size))
    for index, entry in enumerate(entries):
        values = torch.from_numpy(np.ascontiguousarray(maps[entry['img_id']], dtype=np.float64))
        pred_maps, map_labels = labelled_maps(values, entry, predictions)
        sample = dict(
            sample_idx=index,
            img_id=entry['img_id'],
            gt_label=torch.tensor([entry['gt_label']]),
            pred_maps=pred_maps,
            map_labels=map_labels,
            ori_bboxes=entry['gt_bboxes'],
            ori_shape=tuple(entry['size'][::-1]),
            resize_shape=resize,
            crop_offset=offset,
            img_shape=map_size,
        )
        if predictions is not None:
            sample['pred_scores'] = predictions[entry['img_id']]
        yield sample


def labelled_maps(
    values: Tensor, entry: Mapping[str, Any], predictions: Mapping[str, Tensor] | None
) -> tuple[Tensor, Tensor]:
    """Maps (C, h, w) and their classes (C,): -1 for a single map, else best first and the true class last."""
    if values.ndim == 2:
        return values[None], torch.tensor([-1])
    img_id, label, count = entry['img_id'], entry['gt_label'], len(values)
    if predictions is None:
        raise ValueError(f'the map of {img_id} has {count} classes; give --predictions, which rank them')
    scores = predictions[img_id]
    if label >= count or len(scores) < count:
        raise ValueError(
            f'the {count} class maps of {img_id} must include its label, {label}, and each needs a score, of '
            f'which --predictions has {len(scores)}'
        )
    kept = torch.cat([scores[:count].argsort(descending=True, stable=True), torch.tensor([label])])
    return values[kept], kept


def evaluate_maps(args: argparse.Namespace) -> LocalizationMetric:
    """Score all maps; the metric holds ``table_text`` and ``summary``."""
    map_size, resize = _size(args.map_size), _size(args.resize or args.map_size)
    if any(part > whole for part, whole in zip(map_size, resize)):
        raise ValueError(
            f'--resize {resize} must not be smaller than --map-size {map_size}, the crop from it'
        )
    protocols = [parse_protocol(text) for text in args.protocol or ['choe_v2']]
    check_thresholds(protocols)
    metric = LocalizationMetric(protocols, interval=args.interval)
    entries = read_annotations(args)
    predictions = read_predictions(Path(args.predictions), entries) if args.predictions else None
    batch: list[dict[str, Any]] = []
    samples = make_samples(entries, MapFiles(Path(args.maps)), predictions, map_size, resize)
    for sample in tqdm(samples, total=len(entries), unit='img', disable=args.quiet):
        batch.append(sample)
        if len(batch) == args.batch_size:
            metric.process(None, batch)
            batch = []
    if batch:
        metric.process(None, batch)
    metric.compute_metrics(metric.results)
    return metric


def check_thresholds(protocols: Sequence[Protocol]) -> None:
    """``ValueError`` for a protocol whose threshold other images should choose, of which there are none here."""
    for protocol in protocols:
        if protocol.awaits_threshold:
            raise ValueError(
                f'protocol {protocol.name} takes a threshold that other images chose: choose it on maps of validation '
                f'images with {protocol.name}:threshold_source=oracle, then state it for these, e.g. '
                f'{protocol.name}:threshold=0.3'
            )


def _size(values: Sequence[int]) -> tuple[int, int]:
    """(H, W) of one or two numbers."""
    return (values[0], values[-1])


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('maps', help='folder of .npy files, or one .npz')
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        '--metadata', help="folder in wsolevaluation's layout: image_ids.txt, class_labels.txt, .."
    )
    source.add_argument('--cub', help="folder in CUB's layout: images.txt, bounding_boxes.txt, ..")
    parser.add_argument('--split', choices=('test', 'train', 'all'), default='test', help='of --cub')
    parser.add_argument(
        '--protocol',
        action='append',
        help=f'repeatable: {", ".join(PROTOCOLS)}; switches as in bas_ext:threshold=0.2; default choe_v2',
    )
    parser.add_argument(
        '--map-size', type=int, nargs='+', default=[224], help='network input, one number or H W'
    )
    parser.add_argument(
        '--resize', type=int, nargs='+', help='size before the centre crop, one number or H W'
    )
    parser.add_argument(
        '--predictions', help='.npz or .json of scores by image id, or rows image_id,label[,label2,..]'
    )
    parser.add_argument('--interval', type=float, default=0.001, help='step of the threshold sweep')
    parser.add_argument('--batch-size', type=int, default=32)
    parser.add_argument('--out', help='write the result as JSON')
    parser.add_argument('--quiet', action='store_true', help='no progress bar')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        metric = evaluate_maps(args)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f'evaluate_maps: {error}') from error
    if args.out:
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        Path(args.out).write_text(json.dumps({'arguments': vars(args), **metric.summary}, indent=2) + '\n')


if __name__ == '__main__':
    main()
