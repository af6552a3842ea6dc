from __future__ import annotations

import numpy as np
import pytest
import torch

from mmwsol.evaluation.functional.error_breakdown import ERROR_NAMES
from mmwsol.evaluation.localization_images import Spool
from mmwsol.evaluation.metrics import LocalizationMetric

PROTOCOLS = [
    'strict',
    'bas',
    'bas_ext',
    'choe_v1',
    'choe_v2',
    'tscam',
    'scm',
    'sat',
    dict(name='scm', average='class'),
]


def random_sample(index: int, **changes: object) -> dict:
    """An image of six classes with one or two boxes; every second one has larger maps."""
    rng = np.random.default_rng(index)
    corners = np.sort(rng.uniform(0, 90, (1 + index % 2, 2, 2)), axis=1).reshape(-1, 4)
    return (
        dict(
            sample_idx=index,
            img_id=f'{index}.jpg',
            gt_label=torch.tensor([index % 4]),
            pred_scores=torch.from_numpy(rng.random(6)),
            pred_maps=torch.from_numpy(rng.random((6, *[(5, 5), (4, 7)][index % 2]))).float(),
            map_labels=torch.arange(6),
            ori_bboxes=corners,
            ori_shape=(90, 100),
            resize_shape=(48, 48),
            crop_offset=(4, 4),
            img_shape=(40, 40),
        )
        | changes
    )


def planted_sample(index: int, box: tuple[int, int, int, int], gt: list, right: bool = True) -> dict:
    """Its map is one in ``box`` (last pixel exclusive) and zero elsewhere, in an input of 20 by 20."""
    values = torch.zeros(1, 20, 20)
    values[0, box[1] : box[3], box[0] : box[2]] = 1
    return dict(
        sample_idx=index,
        img_id=f'{index}.jpg',
        gt_label=torch.tensor([0]),
        pred_scores=torch.tensor([0.9, 0.1]) if right else torch.tensor([0.2, 0.8]),
        pred_maps=values,
        map_labels=torch.tensor([-1]),
        ori_bboxes=np.array(gt, float).reshape(-1, 4),
        ori_shape=(20, 20),
        resize_shape=(20, 20),
        crop_offset=(0, 0),
        img_shape=(20, 20),
    )


def evaluate(samples: list[dict], protocols: list, batch_size: int = 4) -> LocalizationMetric:
    metric = LocalizationMetric(protocols, interval=0.01, per_image=True)
    metric.dataset_meta = dict(classes=('wren', 'tit'))
    for start in range(0, len(samples), batch_size):
        metric.process(None, samples[start : start + batch_size])
    metric.evaluate(len(samples))
    return metric


def test_every_number_is_the_mean_of_its_hits() -> None:
    metric = evaluate([random_sample(i) for i in range(30)], PROTOCOLS)
    labels, checked = metric.images.columns['label'], 0
    for row, stated in zip(metric.images.rows, metric.summary['rows'], strict=True):
        for name, hits in row.hits.items():
            mean = hits.mean()
            if row.protocol['average'] == 'class' and not name.startswith('MaxBox'):
                mean = np.mean([hits[labels == label].mean() for label in np.unique(labels)])
            assert row.numbers[name] == stated[name] == pytest.approx(100 * mean, abs=1e-9)
            checked += 0 < hits.mean() < 1
        oracles = {'MaxBoxAcc', 'MaxBoxAccV2@70'}
        assert {'Top-1 Loc', 'Cls top-1'} <= set(row.hits)
        assert oracles & set(row.hits) == (set() if row.name == 'strict' else oracles)
    assert checked > 60


def test_boxes_at_the_chosen_threshold_give_the_hits_of_the_sweep() -> None:
    metric = evaluate([random_sample(i) for i in range(30)], PROTOCOLS)
    for row in metric.images.rows:
        hit = row.ious > 0.5 if row.protocol['topk_hit'] == '>' else row.ious >= 0.5
        right = metric.images.columns['rank'] == 0
        np.testing.assert_array_equal(hit & right, row.hits['Top-1 Loc'])
        np.testing.assert_array_equal(row.kinds == ERROR_NAMES.index('correct'), row.hits['Top-1 Loc'])
        np.testing.assert_array_equal(row.kinds == ERROR_NAMES.index('classification'), ~right)


def test_planted_errors_are_found() -> None:
    samples = [
        planted_sample(0, (2, 2, 12, 12), [2, 2, 12, 12]),
        planted_sample(1, (2, 2, 12, 12), [2, 2, 12, 12], right=False),
        planted_sample(2, (2, 2, 18, 18), [[3, 3, 7, 7], [12, 12, 16, 16]]),
        planted_sample(3, (5, 5, 8, 8), [2, 2, 18, 18]),
        planted_sample(4, (0, 0, 19, 20), [2, 2, 7, 7]),
        planted_sample(5, (0, 0, 6, 6), [12, 12, 18, 18]),
    ]
    metric = evaluate(samples, ['tscam'])
    row = metric.images.row()
    kinds = ['correct', 'classification', 'multi-instance', 'part', 'more', 'other']
    assert [ERROR_NAMES[kind] for kind in row.kinds] == kinds
    assert row.boxes[3].tolist() == [5, 5, 8, 8] and row.ious[0] == 1 and row.ious[5] == 0
    assert metric.summary['rows'][0]['errors'] == pytest.approx(dict.fromkeys(kinds, 100 / 6))
    assert 'multi-instance' in metric.table_text
    assert metric.images.classes == ['wren', 'tit']
    assert metric.images.columns['pred_label'].tolist() == [0, 1, 0, 0, 0, 0]


def test_map_to_draw_spans_the_whole_range_and_is_small() -> None:
    constant = planted_sample(1, (0, 0, 0, 0), [1, 1, 5, 5])
    large = planted_sample(0, (2, 2, 12, 12), [1, 1, 5, 5])
    large['pred_maps'] = torch.arange(150 * 75.0).reshape(1, 150, 75)
    images = evaluate([large, constant], ['bas_ext']).images
    drawn, empty = images.heatmaps[0]
    assert drawn.shape == (56, 28) and (drawn.min(), drawn.max()) == (0, 255)
    assert not empty.any()


def test_box_is_that_of_gt_known_where_no_threshold_locates_a_right_class() -> None:
    sample = planted_sample(0, (2, 2, 12, 12), [2, 2, 12, 12], right=False)
    sample['pred_maps'][0, 15:17, 15:17] = 0.5
    row = evaluate([sample], ['choe_v1']).images.row()
    assert row.numbers['Top-1 Loc'] == 0 and row.thresholds['Top-1 Loc'] == 0
    assert row.threshold == row.thresholds['GT-known'] and row.ious[0] == 1


def test_images_without_scores_are_asked_for_the_box_only() -> None:
    samples = [
        planted_sample(0, (2, 2, 12, 12), [2, 2, 12, 12]),
        planted_sample(1, (0, 0, 4, 4), [9, 9, 15, 15]),
    ]
    for sample in samples:
        del sample['pred_scores']
    metric = evaluate(samples, ['tscam'])
    images = metric.images
    assert images.row().explained == 'GT-known'
    assert 'GT-known is' in metric.table_text and 'Top-1 Loc is' not in metric.table_text
    assert [ERROR_NAMES[kind] for kind in images.row().kinds] == ['correct', 'other']
    assert 'Top-1 Loc' not in images.row().hits and images.columns['pred_label'].tolist() == [-1, -1]


def test_kinds_of_error_of_class_averages_are_said_to_be_shares_of_images() -> None:
    metric = evaluate([random_sample(i) for i in range(6)], ['tscam', 'bas'])
    (note,) = [note for note in metric.summary['notes'] if 'kinds of error' in note]
    assert note.startswith('bas: ') and note in metric.table_text


def test_images_without_boxes_have_their_classification() -> None:
    samples = [random_sample(i, ori_bboxes=np.empty((0, 4))) for i in range(5)]
    images = evaluate(samples, ['tscam', 'bas']).images
    assert images.rows == [] and len(images) == 5 and (images.columns['rank'] >= 0).all()


def test_each_image_stands_once_and_a_second_test_starts_anew() -> None:
    metric = evaluate([random_sample(i) for i in (0, 1, 2, 0, 3, 1)], ['tscam'])
    assert metric.images.ids == ['0.jpg', '1.jpg', '2.jpg', '3.jpg']
    metric.process(None, [random_sample(7)])
    metric.evaluate(1)
    assert metric.images.ids == ['7.jpg']


def test_nothing_is_kept_unless_asked_for() -> None:
    metric = LocalizationMetric(['tscam'])
    metric.process(None, [random_sample(0)])
    assert {'described', 'located'}.isdisjoint(metric.results[0])
    metric.evaluate(1)
    assert metric.images is None and 'errors' not in metric.summary['rows'][0]


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_maps_of_any_type_are_kept_as_they_were(dtype: torch.dtype) -> None:
    metric = LocalizationMetric(['tscam'], per_image=True)
    sample = random_sample(0)
    sample['pred_maps'] = sample['pred_maps'].to(dtype)
    metric.process(None, [sample])
    ((_, (maps,)),) = metric._spool.read(metric.results[0]['located']).maps
    label = sample['map_labels'].tolist().index(int(sample['gt_label']))
    assert torch.equal(torch.from_numpy(maps[0]).to(dtype), sample['pred_maps'][label])


def test_images_wait_in_a_file_and_leave_two_places_in_memory() -> None:
    counted, kept = LocalizationMetric(['tscam']), LocalizationMetric(['tscam'], per_image=True)
    for metric in (counted, kept):
        metric.process(None, [random_sample(0)])
    more = kept.results[0].keys() - counted.results[0].keys()
    assert {key: type(kept.results[0][key]) for key in more} == dict(described=int, located=int)


def test_spool_gives_back_what_was_written() -> None:
    spool = Spool()
    written = [np.arange(6.0).reshape(2, 3), 'text', dict(a=[1, None])]
    places = [spool.write(value) for value in written]
    read = [spool.read(place) for place in reversed(places)][::-1]
    assert np.array_equal(read[0], written[0]) and read[1:] == written[1:]
