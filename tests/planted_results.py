"""Results by image whose numbers can be told by hand, for the tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmwsol.evaluation import get_protocol
from mmwsol.evaluation.functional.error_breakdown import ERROR_NAMES
from mmwsol.evaluation.image_results import ImageResults, RowResults

SIZE = (60, 80)  # H, W of every image and of its network input


def planted_results(
    kinds: Sequence[str],
    labels: Sequence[int] | None = None,
    shares: Sequence[float] | None = None,
    protocol: str | dict = 'tscam',
    known: Sequence[bool] | None = None,
    **changes: object,
) -> ImageResults:
    """Images named ``a/0.jpg``, ``a/1.jpg``, .. with one true box each and Top-1 Loc by kind of error.

    ``shares`` of the image are what the true boxes take (a quarter); ``known`` are the hits of GT-known (those
    of the kind ``correct``); ``changes`` are columns.
    """
    count, rules = len(kinds), get_protocol(protocol)
    labels = list(labels) if labels is not None else [0] * count
    codes = np.array([ERROR_NAMES.index(kind) for kind in kinds], np.int8)
    located = codes == ERROR_NAMES.index('correct')
    rank = np.where(codes == ERROR_NAMES.index('classification'), 1, 0)
    height, width = SIZE
    gt = [np.array([[0, 0, width, height * share]], float) for share in shares or [0.25] * count]
    hits = {
        'GT-known': located if known is None else np.array(known, bool),
        'Top-1 Loc': located,
        'Cls top-1': rank == 0,
    }
    numbers = {name: float(100 * values.mean()) for name, values in hits.items()}
    row = RowResults(
        name=rules.name,
        protocol=rules.to_dict(),
        source=rules.threshold_source,
        threshold=0.1,
        heatmap=0,
        numbers=numbers,
        thresholds={'GT-known': 0.1, 'Top-1 Loc': 0.1},
        hits=hits,
        boxes=np.tile(np.array([5, 5, 40, 30], np.float32), (count, 1)),
        ious=np.where(located, 0.75, 0.25).astype(np.float32),
        kinds=codes,
    )
    shape = np.tile(np.array(SIZE), (count, 1))
    columns = dict(
        sample_idx=np.arange(count),
        label=np.array(labels),
        rank=rank,
        img_id=np.array([f'a/{i}.jpg' for i in range(count)]),
        img_path=np.array([f'a/{i}.jpg' for i in range(count)]),
        pred_label=np.where(rank == 0, labels, np.array(labels) + 1),
        pred_score=np.linspace(0.5, 1, count),
        ori_shape=shape,
        resize_shape=shape,
        crop_offset=np.zeros_like(shape),
        img_shape=shape,
        flip=np.zeros(count, bool),
    )
    maps = [np.arange(16, dtype=np.uint8).reshape(4, 4) * 17] * count
    names = [f'class {i}' for i in range(max(labels) + 2)]
    return ImageResults(columns | changes, gt, [maps], [row], names)
