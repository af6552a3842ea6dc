"""What a localization test found on each image, in one file."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mmwsol.engine.atomic_backend import AtomicBackend

from .functional.error_breakdown import ERROR_NAMES

FORMAT = 1
SUFFIX = '.images.npz'
TOP1 = 'Top-1 Loc'


def explained_number(names: Collection[str]) -> str:
    """Of a row's numbers the one that the kinds of error are about."""
    return TOP1 if TOP1 in names else next(iter(names))


@dataclass
class RowResults:
    """One row of the result table, image by image.

    - ``name``, ``protocol``: of the row, with every switch; ``source``: of its thresholds;
    - ``heatmap``: which of the heat maps it boxes;
    - ``numbers``: the row's numbers in percent, by name, and ``thresholds``: the threshold of each;
    - ``hits`` (N,) bool by number: its mean over the images (over class means, where the protocol says so) is
      the number;
    - ``boxes`` (N, 4) xyxy in the network input, ``ious`` (N,) with the best true box, and ``kinds`` (N,), index
      into ``ERROR_KINDS``: of the box at ``threshold``, which is that of the number ``explained``.
    """

    name: str
    protocol: dict[str, Any]
    source: str
    threshold: float
    heatmap: int
    numbers: dict[str, float]
    thresholds: dict[str, float]
    hits: dict[str, NDArray[np.bool_]]
    boxes: NDArray[np.float32]
    ious: NDArray[np.float32]
    kinds: NDArray[np.int8]

    @property
    def explained(self) -> str:
        """The number whose hits and misses ``kinds`` sorts: Top-1 Loc, without class scores the row's first."""
        return explained_number(self.hits)


@dataclass
class ImageResults:
    """N evaluated images in the order of the data set.

    - ``columns``: by name, ``sample_idx``, ``label``, ``pred_label`` (-1 without scores), ``rank`` of the true
      class (0 = best, -1 without scores), ``flip`` (N,); ``pred_score`` (N,); ``img_id``, ``img_path`` (N,) str;
      ``ori_shape``, ``resize_shape``, ``crop_offset``, ``img_shape`` (N, 2), as in ``LocDataSample``;
    - ``gt_bboxes``: N arrays (M, 4), xyxy in pixels of ``ori_shape``, neither rounded nor clipped;
    - ``heatmaps``: for each heat map that a row boxes, N raw maps (h, w) uint8, min to max, of at most
      ``MAX_MAP_SIDE`` a side: enough to draw, not to evaluate;
    - ``rows``: of the table; ``classes``: names, empty if unknown.
    """

    columns: dict[str, NDArray]
    gt_bboxes: list[NDArray[np.float64]]
    heatmaps: list[list[NDArray[np.uint8]]]
    rows: list[RowResults]
    classes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.columns['label'])

    @property
    def ids(self) -> list[str]:
        return self.columns['img_id'].tolist()

    def row(self, name: str | None = None) -> RowResults:
        """The row of a name, or the first; ``ValueError`` lists what there is."""
        found = [row for row in self.rows if name in (None, row.name)]
        if not found:
            raise ValueError(
                f'there is no row {name!r}; there are {", ".join(row.name for row in self.rows)}'
            )
        return found[0]

    def object_shares(self) -> NDArray[np.float64]:
        """Share of the image that the largest true box takes, (N,) in [0, 1], both in original pixels."""
        height, width = self.columns['ori_shape'].T.astype(np.float64)
        largest = [np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1).max(initial=0) for b in self.gt_bboxes]
        return np.minimum(np.array(largest) / (height * width), 1.0)

    def error_counts(self) -> dict[str, NDArray[np.int64]]:
        """How many images are of each of ``ERROR_KINDS``, by row."""
        return {row.name: np.bincount(row.kinds, minlength=len(ERROR_NAMES)) for row in self.rows}

    def save(self, path: str | Path) -> None:
        """Write one ``.npz``, complete or not at all."""
        rows = [_row_header(row) for row in self.rows]
        header = dict(format=FORMAT, classes=self.classes, rows=rows, heatmaps=len(self.heatmaps))
        arrays: dict[str, Any] = {f'image/{name}': values for name, values in self.columns.items()}
        arrays |= _flatten('gt', self.gt_bboxes)
        for i, maps in enumerate(self.heatmaps):
            arrays |= _flatten(f'map/{i}', maps)
        for i, row in enumerate(self.rows):
            arrays |= {f'row/{i}/{key}': getattr(row, key) for key in ('boxes', 'ious', 'kinds')}
            arrays[f'row/{i}/hits'] = np.packbits(np.stack(list(row.hits.values())), axis=1)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, header=np.array(json.dumps(header)), **arrays)
        AtomicBackend().put(buffer.getvalue(), path)

    @classmethod
    def load(cls, path: str | Path, maps: bool = True) -> ImageResults:
        """Read what ``save`` wrote; without ``maps``, nearly all of the file, ``heatmaps`` is empty.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no file of ``save``.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f'there is no file {path} of results by image; tools/test.py writes it')
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive if maps or not key.startswith('map/')}
            header = json.loads(str(arrays['header']))
        except (KeyError, ValueError, OSError, EOFError, BadZipFile, zlib.error) as error:
            raise ValueError(f'{path} is no file of results by image: {error}') from error
        if header.get('format') != FORMAT:
            raise ValueError(
                f'{path} has format {header.get("format")}, but this version reads {FORMAT}; test again'
            )
        columns = {key.partition('/')[2]: v for key, v in arrays.items() if key.startswith('image/')}
        count = len(columns['label'])
        rows = []
        for i, row in enumerate(header['rows']):
            hits = np.unpackbits(arrays[f'row/{i}/hits'], axis=1, count=count).astype(bool)
            values = {key: arrays[f'row/{i}/{key}'] for key in ('boxes', 'ious', 'kinds')}
            rows.append(RowResults(**row, hits=dict(zip(row['numbers'], hits)), **values))
        heatmaps = [_restore(f'map/{i}', arrays) for i in range(header['heatmaps'] if maps else 0)]
        return cls(columns, _restore('gt', arrays), heatmaps, rows, header['classes'])


def merge_image_results(parts: Sequence[ImageResults]) -> ImageResults:
    """The results of several processes, of other images each, as one in the order of the data set."""
    parts = [part for part in parts if len(part)] or list(parts[:1])
    first = parts[0]
    columns = {key: np.concatenate([part.columns[key] for part in parts]) for key in first.columns}
    order = np.argsort(columns['sample_idx'], kind='stable')
    gt_bboxes = [boxes for part in parts for boxes in part.gt_bboxes]
    heatmaps = [[m for part in parts for m in part.heatmaps[i]] for i in range(len(first.heatmaps))]
    rows = []
    for i, row in enumerate(first.rows):
        same = [part.rows[i] for part in parts]
        values: dict[str, Any] = {
            key: np.concatenate([getattr(other, key) for other in same])[order]
            for key in ('boxes', 'ious', 'kinds')
        }
        hits = {name: np.concatenate([other.hits[name] for other in same])[order] for name in row.hits}
        rows.append(RowResults(**_row_header(row), hits=hits, **values))
    return ImageResults(
        {key: values[order] for key, values in columns.items()},
        [gt_bboxes[i] for i in order],
        [[maps[i] for i in order] for maps in heatmaps],
        rows,
        first.classes,
    )


def _row_header(row: RowResults) -> dict[str, Any]:
    keys = ('name', 'protocol', 'source', 'threshold', 'heatmap', 'numbers', 'thresholds')
    return {key: getattr(row, key) for key in keys}


def _flatten(name: str, arrays: Sequence[NDArray]) -> dict[str, NDArray]:
    """Two-dimensional arrays of several shapes as their values and their shapes."""
    values = np.concatenate([a.reshape(-1) for a in arrays]) if arrays else np.empty(0)
    return {
        f'{name}/values': values,
        f'{name}/shape': np.array([a.shape for a in arrays], np.int32).reshape(-1, 2),
    }


def _restore(name: str, arrays: dict[str, NDArray]) -> list[NDArray]:
    shapes = arrays[f'{name}/shape']
    parts = np.split(arrays[f'{name}/values'], np.cumsum(shapes.prod(axis=1))[:-1]) if len(shapes) else []
    return [part.reshape(shape) for part, shape in zip(parts, shapes)]
