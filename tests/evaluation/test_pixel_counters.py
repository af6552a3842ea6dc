from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from two_processes import run_in_two_processes

from mmwsol.evaluation.metrics import PixelMetric

NUM_IMAGES = 7


def _sample(index: int) -> dict:
    """A deterministic image with a random mask; one shows no object, two are of another size."""
    rng = np.random.default_rng(index)
    size = (20, 24) if index < 5 else (16, 16)
    mask = rng.choice([0, 1, 255], size, p=[0.6, 0.3, 0.1]) * (index != 3)
    return dict(
        sample_idx=index,
        gt_label=torch.tensor([index % 4]),
        gt_mask=torch.from_numpy(mask.astype(np.uint8)),
        pred_scores=torch.from_numpy(rng.random(4)),
        pred_maps=torch.from_numpy(rng.random((4, 5, 5))).float(),
        map_labels=torch.arange(4),
        img_shape=size,
    )


def _evaluate(indices: list[int], batch_size: int = 3) -> PixelMetric:
    metric = PixelMetric(['choe_v2', dict(name='bas', topk=1)], interval=0.01)
    for start in range(0, len(indices), batch_size):
        metric.process(None, [_sample(i) for i in indices[start : start + batch_size]])
    metric.evaluate(NUM_IMAGES)
    return metric


def _rank(rank: int, shares: list[list[int]], out: str) -> None:
    metric = _evaluate(shares[rank])
    with open(f'{out}.{rank}', 'w') as file:
        json.dump([metric.summary, metric.table_text], file)


@pytest.mark.parametrize(
    'shares', [[[0, 2, 4, 6], [1, 3, 5, 0]], [[*range(NUM_IMAGES)], []]], ids=['padded', 'idle']
)
def test_two_processes_give_the_table_of_one(tmp_path, shares):
    single = _evaluate(list(range(NUM_IMAGES)))
    run_in_two_processes(_rank, tmp_path, shares, str(tmp_path / 'out'))
    for rank in range(2):
        summary, table = json.loads((tmp_path / f'out.{rank}').read_text())
        assert summary == json.loads(json.dumps(single.summary))
        assert table == single.table_text


def test_repeated_images_count_once():
    once, twice = _evaluate(list(range(NUM_IMAGES))), _evaluate([*range(NUM_IMAGES), 0, 3, 3])
    assert once.summary == twice.summary
    assert once.summary['num_images'] == NUM_IMAGES


def test_order_and_batch_size_change_nothing():
    forward, backward = _evaluate(list(range(NUM_IMAGES)), 1), _evaluate(list(range(NUM_IMAGES))[::-1], 7)
    assert forward.summary == backward.summary


def test_protocols_with_one_heat_map_share_its_histograms():
    metric = PixelMetric(['choe_v1', 'choe_v2', 'bas_ext', 'dawsol'])
    assert metric.plan.heatmap_of == [0, 0, 2, 0]
    metric.process(None, [_sample(i) for i in range(3)])
    (record,) = metric.results
    assert sorted(key for key in record if key.startswith('scores/')) == [
        'scores/0',
        'scores/2',
        'scores/centre Gaussian',
    ]


def test_a_record_is_a_few_kilobytes():
    metric = PixelMetric()
    metric.process(None, [_sample(i) for i in range(4)])
    (record,) = metric.results
    per_image = sum(value.nbytes for value in record.values()) / 4
    assert per_image == 8 + 2 * (2 * 1002 * 2 + 3 * 8)
