"""The mask evaluation against golden numbers: wsolevaluation's PxAP and DA-WSOL's pIoU."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from mmwsol.datasets import WSOLMetadata
from mmwsol.datasets.transforms import LoadLocImage, PackLocInputs, Resize
from mmwsol.evaluation import get_protocol
from mmwsol.evaluation.functional.pixel import (
    iou_curve,
    peak_iou,
    pixel_average_precision,
    pixel_histograms,
    score_edges,
)
from mmwsol.evaluation.localization import protocol_heatmaps

from .parity import Comparison, Fixture, compare

INTERVALS = {'01': 0.01, '001': 0.001}


def check_mask_evaluator(fixture: Fixture, path: Path) -> Iterator[Comparison]:
    """Masks as read from the metadata layout, histograms, PxAP and pIoU at both intervals."""
    scores = torch.from_numpy(fixture['score_maps_u16'] / 65535)  # (N, H, W)
    with tempfile.TemporaryDirectory() as folder:
        write_metadata(fixture, Path(folder))
        masks = read_masks(folder, (scores.shape[1], scores.shape[2]))
    yield compare('gt_masks', masks, fixture['gt_masks'])
    for name, interval in INTERVALS.items():
        pooled = pixel_histograms(scores, masks, interval).sum(axis=0)  # (2, B)
        yield compare(f'edges_{name}', score_edges(interval), fixture[f'edges_{name}'])
        yield compare(f'false_hist_{name}', pooled[0], fixture[f'false_hist_{name}'])
        yield compare(f'true_hist_{name}', pooled[1], fixture[f'true_hist_{name}'])
        numbers: dict[str, ArrayLike] = {
            'pxap': pixel_average_precision(pooled),
            'da_iou_curve': iou_curve(pooled)[::-1],  # from the highest threshold
            'piou': peak_iou(pooled, interval)[0],
        }
        for key, ours in numbers.items():
            yield compare(f'{key}_{name}', ours, fixture[f'{key}_{name}'], 1e-12, 'element')


def check_pooled_pixels(fixture: Fixture) -> Iterator[Comparison]:
    """PxAP and pIoU of BAS-Extension, from the first maps of ``postproc.npz``."""
    masks = torch.from_numpy(fixture['pxap_masks'])
    maps = torch.from_numpy(fixture['maps'][: len(masks)])
    heatmaps = protocol_heatmaps(maps, get_protocol('bas_ext'), (masks.shape[1], masks.shape[2]))
    pooled = pixel_histograms(heatmaps, masks).sum(axis=0)
    yield compare('pxap', pixel_average_precision(pooled), fixture['pxap'], 1e-4)
    yield compare('piou', peak_iou(pooled)[0], fixture['piou'], 1e-4)


def write_metadata(fixture: Fixture, folder: Path) -> None:
    """The stored masks in wsolevaluation's layout; the images themselves play no part and are one grey pixel."""
    rows = [row.split(',') for row in fixture['localization'].tolist()]
    ids = list(dict.fromkeys(row[0] for row in rows))
    (folder / 'image_ids.txt').write_text('\n'.join(ids))
    (folder / 'class_labels.txt').write_text('\n'.join(f'{image},0' for image in ids))
    (folder / 'localization.txt').write_text('\n'.join(fixture['localization'].tolist()))
    seen = dict.fromkeys(ids, 0)
    for image, mask, ignore in rows:
        number = ids.index(image)
        if ignore:
            save_image(folder / ignore, fixture[f'ignore_{number:02d}'])
            save_image(folder / image, np.full((1, 1, 3), 128, np.uint8))
        save_image(folder / mask, fixture[f'mask_{number:02d}_{seen[image]}'])
        seen[image] += 1


def save_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def read_masks(folder: str, size: tuple[int, int]) -> Tensor:
    """Masks (N, H, W) as the test pipeline of the data set gives them."""
    pipeline = [LoadLocImage(), Resize(size), PackLocInputs()]
    dataset = WSOLMetadata(folder, test_mode=True, pipeline=pipeline)
    return torch.stack([dataset[i]['data_samples'].gt_mask for i in range(len(dataset))])
