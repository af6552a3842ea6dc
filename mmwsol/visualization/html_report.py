"""A localization test as one HTML file that needs nothing else: numbers, kinds of error, images to filter."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mmwsol.datasets.transforms import LoadLocImage, Resize
from mmwsol.evaluation.functional.boxes import boxes_to_input
from mmwsol.evaluation.functional.error_breakdown import ERROR_NAMES, SIZE_EDGES, size_groups, size_names
from mmwsol.evaluation.image_results import ImageResults, RowResults
from mmwsol.evaluation.localization import protocol_heatmaps
from mmwsol.evaluation.protocols import get_protocol

from .drawing import localization_panel

TEMPLATE = Path(__file__).with_name('report.html')
JPEG_QUALITY = 75


def choose_pictures(kinds: NDArray[np.int8], count: int) -> NDArray[np.int64]:
    """Rising indices of ``count`` images (all, if there are fewer): as many of each kind as possible, evenly spread."""
    groups = [np.flatnonzero(kinds == kind) for kind in range(len(ERROR_NAMES))]
    left, chosen = min(count, len(kinds)), []
    for i, group in enumerate(sorted(groups, key=len)):
        share = min(len(group), left // (len(groups) - i))
        left -= share
        if share:
            chosen.append(group[np.linspace(0, len(group) - 1, share).round().astype(np.int64)])
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)


def read_input(results: ImageResults, index: int, path: Path) -> NDArray[np.uint8]:
    """An image as the network saw it, (H, W, 3) RGB.

    Raises:
        UnreadableImageError: the file is missing or broken.
    """
    geometry = {key: results.columns[key][index] for key in ('resize_shape', 'crop_offset', 'img_shape')}
    loaded = LoadLocImage()(dict(img_path=str(path)))
    image = Resize(tuple(geometry['resize_shape'].tolist()))(loaded)['img']
    (top, left), (height, width) = geometry['crop_offset'], geometry['img_shape']
    image = image[top : top + height, left : left + width]
    return image[:, ::-1] if results.columns['flip'][index] else image


def draw_image(results: ImageResults, row: RowResults, index: int, path: Path) -> NDArray[np.uint8]:
    """Panel of an image with true and predicted box, and the heat map, as the row's protocol has them."""
    image = read_input(results, index, path)
    keys = ('ori_shape', 'resize_shape', 'crop_offset', 'img_shape', 'flip')
    gt = boxes_to_input(results.gt_bboxes[index], *(results.columns[key][index].tolist() for key in keys))
    stored = torch.from_numpy(results.heatmaps[row.heatmap][index])[None]  # (1, h, w)
    heatmap = protocol_heatmaps(stored.double(), get_protocol(row.protocol), image.shape[:2])[0]
    return localization_panel(image, heatmap.float().numpy(), row.boxes[index], gt)


def to_data_uri(image: NDArray[np.uint8], height: int) -> str:
    """An RGB image, shrunk to a height, as a JPEG in a data URI."""
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode('.jpg', small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return 'data:image/jpeg;base64,' + base64.b64encode(content.tobytes()).decode()


def html_report(
    results: ImageResults,
    row: RowResults,
    pictures: dict[int, str],
    title: str,
    about: str,
    numbers: tuple[Sequence[str], Iterable[Sequence[str]]],
    notes: Sequence[str] = (),
    edges: Sequence[float] = SIZE_EDGES,
) -> str:
    """The page.

    Args:
        row: whose boxes and kinds of error the images are shown with.
        pictures: data URIs by index of the image.
        numbers: headings and rows of the table of numbers, protocol first.
        edges: of the sizes of objects, see ``size_groups``.
    """
    content = dict(
        title=title,
        about=about,
        row=row.name,
        known=next(iter(row.hits)),
        explained=row.explained,
        kinds=ERROR_NAMES,
        sizes=size_names(edges),
        edges=', '.join(size_names(edges)),
        classes=class_names(results),
        numbers=dict(headings=list(numbers[0]), rows=[list(cells) for cells in numbers[1]]),
        notes=list(notes),
        rows=[
            dict(name=r.name, counts=np.bincount(r.kinds, minlength=len(ERROR_NAMES)).tolist())
            for r in results.rows
        ],
        images=_images(results, row, pictures, edges),
    )
    # "<" could end the script element
    data = json.dumps(content, allow_nan=False, separators=(',', ':')).replace('<', '\\u003c')
    page = TEMPLATE.read_text(encoding='utf-8')
    return page.replace('__TITLE__', html.escape(title), 1).replace('__DATA__', data, 1)


def class_names(results: ImageResults) -> list[str]:
    """The names, or as many numbers as labels and predictions need."""
    labels = np.concatenate([results.columns['label'], results.columns['pred_label']])
    count = int(labels.max(initial=-1)) + 1
    return [*results.classes, *map(str, range(len(results.classes), count))]


def _images(
    results: ImageResults, row: RowResults, pictures: dict[int, str], edges: Sequence[float]
) -> list[dict[str, Any]]:
    columns, shares = results.columns, results.object_shares()
    score = [None if np.isnan(value) else round(float(value), 4) for value in columns['pred_score']]
    values = zip(
        results.ids,
        columns['label'].tolist(),
        columns['pred_label'].tolist(),
        score,
        row.kinds.tolist(),
        next(iter(row.hits.values())).astype(int).tolist(),
        row.ious.round(4).tolist(),
        shares.round(4).tolist(),
        size_groups(shares, edges).tolist(),
        map(pictures.get, range(len(results))),
    )
    keys = ('id', 'label', 'predicted', 'score', 'kind', 'known', 'iou', 'share', 'size', 'picture')
    return [dict(zip(keys, image)) for image in values]
