from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from two_processes import run_in_two_processes

from mmwsol.evaluation.image_results import ImageResults
from mmwsol.evaluation.localization_counters import assign_images, pack_hits, unpack_hits
from mmwsol.evaluation.metrics import LocalizationMetric

PROTOCOLS = ['bas', 'bas_ext', 'choe_v1', 'choe_v2', 'tscam', 'scm', 'sat', dict(name='scm', average='class')]
NUM_IMAGES = 11


def _sample(index: int) -> dict:
    """A deterministic image with one or two boxes and scores over six classes."""
    rng = np.random.default_rng(index)
    corners = np.sort(rng.uniform(0, 90, (1 + index % 2, 2, 2)), axis=1).reshape(-1, 4)
    return dict(
        sample_idx=index,
        img_id=str(index),
        gt_label=torch.tensor([index % 4]),
        pred_scores=torch.from_numpy(rng.random(6)),
        pred_maps=torch.from_numpy(rng.random((6, 5, 5))).float(),
        map_labels=torch.arange(6),
        ori_bboxes=corners,
        ori_shape=(90, 100),
        resize_shape=(48, 48),
        crop_offset=(4, 4),
        img_shape=(40, 40),
    )


def _evaluate(indices: list[int], batch_size: int = 2) -> LocalizationMetric:
    metric = LocalizationMetric(PROTOCOLS, interval=0.01, per_image=True)
    for start in range(0, len(indices), batch_size):
        metric.process(None, [_sample(i) for i in indices[start : start + batch_size]])
    metric.evaluate(NUM_IMAGES)
    return metric


def _rank(rank: int, shares: list[list[int]], out: str) -> None:
    metric = _evaluate(shares[rank])
    with open(f'{out}.{rank}', 'w') as file:
        json.dump([metric.summary, metric.table_text], file)
    if metric.images is not None:
        metric.images.save(f'{out}.{rank}.images.npz')


def assert_same_images(found: ImageResults, expected: ImageResults) -> None:
    assert found.ids == expected.ids == [str(i) for i in range(NUM_IMAGES)]
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(found.columns[name], values)
    for maps, other in zip(found.heatmaps, expected.heatmaps, strict=True):
        np.testing.assert_array_equal(maps, other)
    for row, other in zip(found.rows, expected.rows, strict=True):
        assert (row.numbers, row.thresholds) == (other.numbers, other.thresholds)
        for key in ('boxes', 'ious', 'kinds'):
            np.testing.assert_array_equal(getattr(row, key), getattr(other, key))
        for name, hits in other.hits.items():
            np.testing.assert_array_equal(row.hits[name], hits)


def test_two_processes_with_padding_give_the_table_of_one(tmp_path):
    single = _evaluate(list(range(NUM_IMAGES)))
    # the distributed sampler deals in turn and pads with the first images; one rank repeats its own
    shares = [[0, 2, 4, 6, 8, 10, 0], [1, 3, 5, 7, 9, 0, 1]]
    run_in_two_processes(_rank, tmp_path, shares, str(tmp_path / 'out'))
    for rank in range(2):
        summary, table = json.loads((tmp_path / f'out.{rank}').read_text())
        assert summary == json.loads(json.dumps(single.summary))
        assert table == single.table_text
    assert_same_images(ImageResults.load(tmp_path / 'out.0.images.npz'), single.images)
    assert not (tmp_path / 'out.1.images.npz').exists()  # they travel to the main process only


def test_repeated_images_count_once_in_one_process():
    once, twice = _evaluate(list(range(NUM_IMAGES))), _evaluate([*range(NUM_IMAGES), 0, 3, 3])
    assert once.summary == twice.summary
    assert once.summary['num_images'] == NUM_IMAGES


def test_batch_size_changes_nothing():
    assert _evaluate(list(range(NUM_IMAGES)), 1).summary == _evaluate(list(range(NUM_IMAGES)), 11).summary


def test_first_occurrence_of_an_image_counts():
    records = [
        dict(sample_idx=np.array([4, 7, 4]), label=np.array([0, 2, 0]), unboxed=[]),
        dict(sample_idx=np.array([7, 1]), label=np.array([2, 1]), unboxed=[]),
    ]
    keep, num_classes = assign_images(records)
    assert [mask.tolist() for mask in keep] == [[True, True, False], [False, True]]
    assert num_classes == 3


def test_hits_survive_packing():
    hits = np.random.default_rng(0).random((5, 3, 255)) < 0.5
    packed = pack_hits(hits)
    assert packed.shape == (5, 96)
    np.testing.assert_array_equal(unpack_hits(packed, (3, 255)), hits)


def test_a_record_is_small():
    metric = LocalizationMetric(['bas_ext', 'choe_v2'])
    metric.process(None, [_sample(i) for i in range(8)])
    (record,) = metric.results
    per_image = sum(packed.nbytes for packed in record['packed'].values()) / 8
    assert per_image == pytest.approx(2 * 2 * 96 + 1)
