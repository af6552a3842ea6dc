"""Why localizations fail, from a stored test: ``tools/analysis/report.py`` and the command ``mmwsol-report``."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from mmwsol.datasets.transforms.loading import UnreadableImageError
from mmwsol.engine.atomic_backend import AtomicBackend
from mmwsol.evaluation.functional.error_breakdown import (
    ERROR_NAMES,
    SIZE_EDGES,
    count_errors,
    size_groups,
    size_names,
)
from mmwsol.evaluation.image_results import ImageResults, RowResults
from mmwsol.evaluation.localization_report import table_cells, table_lines
from mmwsol.visualization.html_report import (
    choose_pictures,
    class_names,
    draw_image,
    html_report,
    to_data_uri,
)

from .stored_result import StoredResult, find_result


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Say why localizations fail: tables, image lists, an HTML report'
    )
    parser.add_argument(
        'result', help='result of tools/test.py: its JSON, or a work dir, whose newest it takes'
    )
    parser.add_argument('--out', metavar='HTML', help='the report (default: report.html beside the result)')
    parser.add_argument('--csv', metavar='FILE', help='also write every image with its kind of error, as CSV')
    parser.add_argument('--protocol', metavar='ROW', help='whose boxes are shown (default: the first row)')
    parser.add_argument('--pictures', type=int, default=240, help='at most, spread over the kinds of error')
    parser.add_argument('--height', type=int, default=150, help='of a picture in pixels')
    parser.add_argument(
        '--size-edges',
        nargs='+',
        metavar='SHARE',
        default=list(map(str, SIZE_EDGES)),
        help='what parts sizes of objects: shares of the image in (0, 1), or "terciles" of these images',
    )
    parser.add_argument(
        '--image-root',
        metavar='DIR',
        help='where the images are now, by their name in the data set, if not where they were at the test',
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_arguments(argv)
    try:
        write_report(args)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f'report: {error}') from error


def write_report(args: argparse.Namespace) -> None:
    stored = find_result(args.result)
    images = stored.load_images()
    if not images.rows:
        raise ValueError(f'{stored.path}: the images have no boxes, so there is no localization to explain')
    row, edges = images.row(args.protocol), read_edges(args.size_edges, images)
    print(format_breakdown(images, row, edges))
    if args.csv:
        AtomicBackend().put_text(image_table(images, row, edges), args.csv)
        print(f'wrote {args.csv}')
    out = Path(args.out or stored.path.with_name('report.html'))
    pictures = draw_pictures(images, row, args.pictures, args.height, args.image_root)
    numbers = table_cells(stored.localization)
    page = html_report(
        images, row, pictures, stored.config_name, about(stored), numbers, stored.localization['notes'], edges
    )
    AtomicBackend().put_text(page, out)
    print(f'wrote {out} ({len(page) / 1e6:.1f} MB, {len(pictures)} of {len(images)} images with a picture)')


def about(stored: StoredResult) -> str:
    run = stored.content['run']
    data, seed = run['data'], '' if stored.seed is None else f', seed {stored.seed}'
    split = f' {data["split"]}' if data.get('split') else ''
    return (
        f'{data["type"]}{split}, {data["images"]} images · checkpoint {stored.checkpoint}{seed} · '
        f'tested {stored.content["date"]} · mmwsol {run["versions"].get("mmwsol", "")}'
    )


def read_edges(texts: Sequence[str], images: ImageResults) -> list[float]:
    """Shares that part the sizes of objects, from the command line."""
    if list(texts) == ['terciles']:
        return sorted(set(np.quantile(images.object_shares(), [1 / 3, 2 / 3]).tolist()))
    try:
        edges = [float(text) for text in texts]
    except ValueError:
        raise ValueError(f'--size-edges are numbers or "terciles", got {" ".join(texts)}') from None
    size_groups([], edges)
    return edges


def draw_pictures(
    images: ImageResults, row: RowResults, count: int, height: int, root: str | None = None
) -> dict[int, str]:
    """Data URIs of panels by index of the image; ``FileNotFoundError`` says how to find images that moved."""
    pictures = {}
    for index in choose_pictures(row.kinds, count).tolist():
        column = 'img_path' if root is None else 'img_id'
        path = Path(root or '', images.columns[column][index])
        try:
            pictures[index] = to_data_uri(draw_image(images, row, index, path), height)
        except UnreadableImageError as error:
            raise FileNotFoundError(
                f'{error}; if the images have moved, say where with --image-root'
            ) from error
    return pictures


def format_breakdown(images: ImageResults, row: RowResults, edges: Sequence[float]) -> str:
    """Kinds of error by protocol and, for one of them, by size of the object, in percent."""
    every = np.zeros(len(images), int)
    by_row = [(r.name, count_errors(r.kinds, every, 1)[0]) for r in images.rows]
    groups, names = size_groups(images.object_shares(), edges), size_names(edges)
    by_size = zip(names, count_errors(row.kinds, groups, len(names)))
    tables = [_table('protocol', by_row), _table(f'{row.name}, object of the image', by_size)]
    return '\n'.join(tables)


def _table(heading: str, rows: Iterable[tuple[str, NDArray[np.int64]]]) -> str:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(heading, no_wrap=True)
    for name in ('images', *ERROR_NAMES):
        table.add_column(name, justify='right', no_wrap=True)
    for name, counts in rows:
        total = int(counts.sum())
        cells = [f'{100 * count / total:.2f}' if total else '-' for count in counts]
        table.add_row(name, str(total), *cells)
    return '\n'.join(table_lines(table))


def image_table(images: ImageResults, row: RowResults, edges: Sequence[float]) -> str:
    """Every image as a line of CSV: name, classes, kind of error, size, IoU, box in the network input."""
    shares, names = images.object_shares(), class_names(images)
    sizes = size_groups(shares, edges)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    box = ('x0', 'y0', 'x1', 'y1')
    writer.writerow(['image', 'label', 'class', 'predicted', 'kind', 'share', 'size', 'iou', *box, *row.hits])
    for i, name in enumerate(images.ids):
        label, predicted = int(images.columns['label'][i]), int(images.columns['pred_label'][i])
        kind, size = ERROR_NAMES[row.kinds[i]], size_names(edges)[sizes[i]]
        found = [kind, f'{shares[i]:.4f}', size, f'{row.ious[i]:.4f}', *row.boxes[i].round(2).tolist()]
        hits = [int(hits[i]) for hits in row.hits.values()]
        writer.writerow([name, label, names[label], predicted, *found, *hits])
    return out.getvalue()


if __name__ == '__main__':
    main()
