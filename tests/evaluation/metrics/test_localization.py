from __future__ import annotations

import json
import logging

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from mmwsol.evaluation.functional.boxes import boxes_to_original, pairwise_iou
from mmwsol.evaluation.functional.heatmaps import centre_gaussian
from mmwsol.evaluation.metrics import LocalizationMetric, localization
from mmwsol.evaluation.protocols import get_protocol
from mmwsol.file_digest import file_digest
from mmwsol.registry import METRICS
from mmwsol.structures import LocDataSample

LEVELS = (30, 50, 70)


def _sample(index: int, num_classes: int = 7, **changes) -> dict:
    rng = np.random.default_rng(index)
    side = int(rng.choice([6, 9]))
    y, x = np.mgrid[:side, :side] / side
    blob = np.exp(-8 * ((x - rng.uniform(0.2, 0.8)) ** 2 + (y - rng.uniform(0.2, 0.8)) ** 2))
    maps = blob + 0.3 * rng.random((num_classes, side, side))
    scores = rng.random(num_classes)
    order = np.argsort(-scores)
    label = int(order[index % 3])
    corners = rng.uniform(0.05, 0.35, (1 + index % 2, 2, 2))
    corners[:, 1] = 1 - corners[:, 1]
    sample = dict(
        sample_idx=index,
        img_id=f'{index}.jpg',
        img_path=f'images/{index}.jpg',
        gt_label=torch.tensor([label]),
        pred_scores=torch.from_numpy(scores).float(),
        pred_maps=torch.from_numpy(maps[[*order, label]]).float(),
        map_labels=torch.from_numpy(np.array([*order, label])),
        ori_bboxes=(corners * (300, 200)).reshape(-1, 4),
        ori_shape=(200, 300),
        resize_shape=(64, 96),
        crop_offset=(4, 8),
        img_shape=(56, 80),
        flip=False,
    )
    return sample | changes


def _in_input(sample: dict) -> np.ndarray:
    return sample['ori_bboxes'] * ([96 / 300, 64 / 200] * 2) - [8, 4, 8, 4]


def _heatmap(sample: dict, k: int, eps: float) -> np.ndarray:
    values = sample['pred_maps'][:k].numpy().mean(axis=0)
    values = (values - values.min()) / (values.max() - values.min() + np.float32(eps))
    return cv2.resize(values, (80, 56), interpolation=cv2.INTER_LINEAR)


def _bas_iou(sample: dict, k: int, eps: float, threshold: float, clip) -> float:
    """One image under BAS's rules, by plain OpenCV calls."""
    mask = (_heatmap(sample, k, eps) > threshold).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x, y, w, h, _ = stats[1 + stats[1:, 4].argmax()] if len(stats) > 1 else (0, 0, 80, 56, 0)
    gt = _in_input(sample)
    return pairwise_iou([[x, y, x + w, y + h]], clip(gt)).max()


def _clip_cvpr(gt):
    return np.concatenate([np.maximum(gt[:, :2], 0), np.minimum(gt[:, 2:], [80, 56])], axis=1)


def _clip_ext(gt):
    return np.trunc(np.concatenate([np.maximum(gt[:, :2], 0), np.minimum(gt[:, 2:], [79, 55])], axis=1))


def _evaluate(samples, *protocols, **kwargs) -> tuple[dict, LocalizationMetric]:
    metric = LocalizationMetric(list(protocols), **kwargs)
    for start in range(0, len(samples), 5):
        metric.process(None, samples[start : start + 5])
    result = metric.evaluate(len(samples))
    return {key.removeprefix('wsol/'): value for key, value in result.items()}, metric


@pytest.fixture(scope='module')
def samples() -> list[dict]:
    return [_sample(i) for i in range(40)]


def _top(sample: dict, k: int) -> bool:
    return int(sample['gt_label']) in sample['pred_scores'].topk(k).indices.tolist()


def test_bas_ext_equals_a_plain_restatement(samples):
    result, _ = _evaluate(samples, dict(name='bas_ext', threshold=0.4, topk=3))
    ious = np.array([_bas_iou(s, 3, 1e-5, 0.4, _clip_ext) for s in samples])
    for level in LEVELS:
        assert result[f'bas_ext/IoU@{level}'] == 100 * np.mean(ious >= level / 100)
    hits = ious >= 0.5
    assert 0 < hits.mean() < 1
    assert result['bas_ext/GT-known'] == 100 * hits.mean()
    assert result['bas_ext/Top-1 Loc'] == 100 * np.mean(hits & [_top(s, 1) for s in samples])
    assert result['bas_ext/Top-5 Loc'] == 100 * np.mean(hits & [_top(s, 5) for s in samples])


def test_bas_averages_over_classes_like_a_plain_restatement(samples):
    result, _ = _evaluate(samples, dict(name='bas', threshold=0.4, topk=100))
    labels = np.array([int(s['gt_label']) for s in samples])
    hits = np.array([_bas_iou(s, 7, 0, 0.4, _clip_cvpr) > 0.5 for s in samples])
    top1 = hits & [_top(s, 1) for s in samples]
    for name, values in (('GT-known', hits), ('Top-1 Loc', top1)):
        expected = 100 * np.mean([values[labels == label].mean() for label in np.unique(labels)])
        assert result[f'bas/{name}'] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(('preset', 'largest'), [('choe_v1', True), ('choe_v2', False)])
def test_choe_equals_a_plain_restatement(samples, preset, largest):
    result, _ = _evaluate(samples, preset, interval=0.01)
    hits = np.array([_choe_hits(s, largest) for s in samples])  # (N, J, L)
    best = 100 * hits.mean(axis=0).max(axis=0)
    assert result[f'{preset}/GT-known'] == pytest.approx(best[1], abs=1e-9)
    top1 = hits[:, :, 1] & np.array([_top(s, 1) for s in samples])[:, None]
    assert result[f'{preset}/Top-1 Loc'] == pytest.approx(100 * top1.mean(axis=0).max(), abs=1e-9)
    if largest:
        assert result[f'{preset}/MaxBoxAcc'] == pytest.approx(best[1], abs=1e-9)
    else:
        assert result[f'{preset}/MaxBoxAccV2'] == pytest.approx(best.mean(), abs=1e-9)


def _choe_hits(sample: dict, largest: bool) -> np.ndarray:
    """Hits (J, L) of one image at the thresholds 0, 0.01, .., by wsolevaluation's procedure."""
    full = cv2.resize(sample['pred_maps'][-1].numpy().astype(float), (80, 56), interpolation=cv2.INTER_CUBIC)
    image = np.floor(255 * ((full - full.min()) / np.ptp(full))).astype(np.uint8)
    gt = _clip_ext(_in_input(sample))
    hits = []
    for threshold in np.arange(0, 1, 0.01):
        mask = (image > int(threshold * 255)).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        if largest:
            contours = [max(contours, key=cv2.contourArea)]
        boxes = [(x, y, min(x + w, 79), min(y + h, 55)) for x, y, w, h in map(cv2.boundingRect, contours)]
        hits.append(pairwise_iou(boxes, gt).max() >= np.array(LEVELS) / 100)
    return np.array(hits)


def _contour_box(values: np.ndarray, dtype: type, threshold: float) -> list[int]:
    """x, y, w, h of the largest contour of a map under TS-CAM's and SCM's rules, by plain OpenCV calls."""
    full = cv2.resize(values.astype(dtype), (80, 56), interpolation=cv2.INTER_LINEAR)
    image = (255 * ((full - full.min()) / (full.max() - full.min()))).astype(np.uint8)
    mask = (image > int(threshold * image.max())).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    return list(cv2.boundingRect(max(contours, key=cv2.contourArea)))


def test_tscam_equals_a_plain_restatement(samples):
    result, _ = _evaluate(samples, dict(name='tscam', threshold=0.3))
    ious = []
    for s in samples:
        x, y, w, h = _contour_box(s['pred_maps'][-1].numpy(), np.float32, 0.3)
        ious.append(pairwise_iou([[x, y, x + w, y + h]], _clip_ext(_in_input(s))).max())
    known, located = np.array(ious) >= 0.5, np.array(ious) > 0.5
    assert 0 < known.mean() < 1
    assert result['tscam/GT-known'] == 100 * known.mean()
    assert result['tscam/Top-1 Loc'] == 100 * np.mean(located & [_top(s, 1) for s in samples])
    assert result['tscam/Top-5 Loc'] == 100 * np.mean(located & [_top(s, 5) for s in samples])


def test_scm_equals_a_plain_restatement(samples):
    few = samples[:12]
    result, _ = _evaluate(few, 'scm')
    det, loc = np.zeros((2, 3, 100)), np.zeros((2, 3, 100))
    for s in few:
        gt = _clip_ext(_in_input(s))
        for t in range(100):
            hits = []
            for values in s['pred_maps'][:5].numpy():
                x, y, w, h = _contour_box(values, np.float64, t / 100)
                box = [x, y, min(x + w, 79), min(y + h, 55)]
                hits.append(pairwise_iou([box], gt).max() >= np.array(LEVELS) / 100)
            right = s['map_labels'][:5].numpy() == int(s['gt_label'])
            for i, k in enumerate((1, 5)):
                det[i, :, t] += np.any(hits[:k], axis=0)
                loc[i, :, t] += np.any(np.array(hits[:k])[right[:k]], axis=0)
    for i, k in enumerate((1, 5)):
        for j, level in enumerate(LEVELS):
            assert result[f'scm/GT-known (predicted top-{k})@{level}'] == pytest.approx(
                100 * det[i, j].max() / 12
            )
            assert result[f'scm/Top-{k} Loc@{level}'] == pytest.approx(100 * loc[i, j].max() / 12)
    assert result['scm/GT-known (predicted top-1)'] == result['scm/GT-known (predicted top-1)@50']


def test_sat_equals_a_plain_restatement(samples):
    result, metric = _evaluate(samples, 'sat')
    ious = np.array(
        [
            [_bas_iou(s | dict(pred_maps=s['pred_maps'][-1:]), 1, 1e-5, t, _clip_ext) for s in samples]
            for t in (0.30, 0.35, 0.40, 0.45)
        ]
    )
    known = (ious >= 0.5).mean(axis=1)
    located = ((ious >= 0.5) & [_top(s, 1) for s in samples]).mean(axis=1)
    best = int(np.argmax(known + located))
    assert metric.summary['rows'][0]['threshold'] == (0.30, 0.35, 0.40, 0.45)[best]
    assert result['sat/GT-known'] == pytest.approx(100 * known[best])
    assert result['sat/Top-1 Loc'] == pytest.approx(100 * located[best])


def _strict_ious(sample: dict) -> np.ndarray:
    """IoU in original pixels of the box at every threshold, by plain OpenCV calls."""
    full = cv2.resize(sample['pred_maps'][-1].numpy(), (80, 56), interpolation=cv2.INTER_LINEAR)
    full = (full - full.min()) / (full.max() - full.min())
    ious = []
    for threshold in get_protocol('strict').thresholds:
        mask = (full > np.float32(threshold)).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        x, y, w, h, _ = stats[1 + stats[1:, 4].argmax()]
        box = boxes_to_original([[x, y, x + w, y + h]], (200, 300), (64, 96), (4, 8), (56, 80))
        ious.append(pairwise_iou(box, sample['ori_bboxes'], inclusive=False).max())
    return np.array(ious)


def test_strict_equals_a_plain_restatement_in_the_original_frame(samples):
    result, metric = _evaluate(samples, 'strict')
    ious = np.array([_strict_ious(s) for s in samples])  # (N, T)
    rates = np.array([(ious >= level / 100).mean(axis=0) for level in LEVELS])  # (L, T)
    best = int(rates.mean(axis=0).argmax())
    (row,) = metric.summary['rows']
    assert row['threshold'] == get_protocol('strict').thresholds[best] > 0
    for level, rate in zip(LEVELS, rates[:, best]):
        assert result[f'strict/IoU@{level}'] == pytest.approx(100 * rate)
    top1 = (ious[:, best] >= 0.5) & [_top(s, 1) for s in samples]
    assert 0 < top1.mean() < 1 and result['strict/Top-1 Loc'] == pytest.approx(100 * top1.mean())


def _on_split(samples, name, selection=None, protocol='strict'):
    metric = LocalizationMetric(protocol)
    metric.dataset_meta = dict(split=name)
    if selection is not None:
        metric.take_selection(selection, 'x.pth')
    metric.process(None, samples)
    metric.evaluate(len(samples))
    return metric


def test_threshold_chosen_on_val_is_the_one_of_the_test(samples):
    val, test = samples[:6], samples[6:]
    chosen = _on_split(val, 'val')
    (choice,) = chosen.choices
    assert (choice['source'], choice['split'], choice['images']) == ('val', 'val', 6)
    (row,) = _on_split(test, 'test', dict(choices=chosen.choices)).summary['rows']
    assert (row['threshold'], row['threshold_source']) == (choice['threshold'], 'val')
    assert row['threshold_from'] == dict(split='val', images=6, value=choice['value'])
    fixed = _on_split(test, 'test', protocol=dict(name='strict', threshold=choice['threshold']))
    assert {k: fixed.summary['rows'][0][k] for k in ('GT-known', 'IoU')} == {
        k: row[k] for k in ('GT-known', 'IoU')
    }
    (own,) = _on_split(test, 'test').summary['rows']
    assert own['threshold'] != choice['threshold']  # else the test above says little


@pytest.mark.parametrize('chosen', [None, 0.4])
def test_images_of_a_strict_row_make_up_its_numbers(samples, chosen):
    metric = LocalizationMetric(
        dict(name='strict', thresholds=[chosen]) if chosen else 'strict', per_image=True
    )
    metric.process(None, samples)
    metric.evaluate(len(samples))
    (row,), (found,) = metric.summary['rows'], metric.images.rows
    assert {'GT-known', 'Top-1 Loc', 'IoU@70'} <= set(found.hits) and 'MaxBoxAcc' not in found.hits
    for name, hits in found.hits.items():
        assert 100 * hits.mean() == pytest.approx(row[name])
    np.testing.assert_array_equal(found.ious >= 0.5, found.hits['GT-known'])
    assert found.threshold == row['threshold']


def test_choice_on_a_test_split_is_warned_of_and_marked(samples, monkeypatch):
    messages = []
    monkeypatch.setattr(localization, 'print_log', lambda text, **kwargs: messages.append((text, kwargs)))
    metric = _on_split(samples, 'CUB/test')
    assert metric.summary['rows'][0]['threshold_source'] == 'CUB/test (oracle)'
    assert '(oracle)' in metric.table_text
    (warning,) = [text for text, kwargs in messages if kwargs.get('level') == logging.WARNING]
    assert 'strict chose its threshold on the split' in warning
    transferred = _on_split(samples, 'test', dict(choices=metric.choices))
    assert transferred.summary['rows'][0]['threshold_source'] == 'CUB/test (oracle)'


def test_chosen_checkpoint_is_named_in_every_row(samples):
    selection = dict(choices=[], split='test', epoch=4, best_by='wsol/choe_v2/GT-known')
    metric = _on_split(samples, 'test', selection, ['choe_v2', dict(name='strict', threshold=0.2)])
    marks = [row['checkpoint'] for row in metric.summary['rows']]
    assert marks == ['epoch 4, best wsol/choe_v2/GT-known on test (oracle)'] * 2
    assert marks[0] in metric.table_text


def test_threshold_missing_from_the_checkpoint_is_an_error():
    metric = LocalizationMetric('strict')
    with pytest.raises(ValueError, match=r'x\.pth carries no threshold'):
        metric.take_selection(None, 'x.pth')


def test_golden_top1_of_da_wsol(evaluator_box, golden):
    g, top1 = evaluator_box.arrays, golden('evaluator_top1')
    samples = [
        dict(
            sample_idx=i,
            gt_label=torch.tensor([top1['gt_label'][i]]),
            pred_scores=torch.eye(200)[top1['pred_label'][i]],
            pred_maps=torch.from_numpy(evaluator_box.low_maps[i])[None],
            map_labels=torch.tensor([-1]),
            ori_bboxes=evaluator_box.gt_orig[i],
            ori_shape=tuple(g['image_sizes_wh'][i][::-1]),
            img_shape=(224, 224),
            resize_shape=(224, 224),
        )
        for i in range(200)
    ]
    result, _ = _evaluate(samples, 'choe_v2', 'choe_v1', interval=0.01)
    assert result['choe_v2/GT-known'] == top1['gt_known'][1]
    assert result['choe_v2/Top-1 Loc'] == top1['top1'][1]
    assert [result[f'choe_v2/MaxBoxAccV2@{level}'] for level in LEVELS] == g['v2_i01_max'].tolist()
    assert result['choe_v1/MaxBoxAcc'] == g['v1_i01_max'][1]


def test_baselines_know_nothing_of_the_maps(samples):
    result, metric = _evaluate(samples, 'choe_v2')
    gt = [_clip_ext(_in_input(s)) for s in samples]
    whole = np.array([pairwise_iou([[0, 0, 79, 55]], b).max() for b in gt])
    assert result['whole_image/GT-known'] == 100 * np.mean(whole >= 0.5)
    assert result['whole_image/MaxBoxAccV2'] == pytest.approx(
        np.mean([100 * np.mean(whole >= level / 100) for level in LEVELS])
    )
    sizes = np.concatenate([b[:, 2:] - b[:, :2] + 1 for b in gt])
    w, h = sizes[(sizes > 0).all(axis=1)].mean(axis=0)
    assert metric.summary['baselines'][1]['size'] == pytest.approx([w, h])
    box = [(80 - w) / 2, (56 - h) / 2, (80 + w) / 2 - 1, (56 + h) / 2 - 1]
    centre = np.array([pairwise_iou([box], b).max() for b in gt])
    assert result['centre_box/MaxBoxAccV2@30'] == 100 * np.mean(centre >= 0.3)


def test_centre_gaussian_is_what_its_heat_map_scores_in_a_row(samples):
    maps = [centre_gaussian(sample['img_shape'])[None] for sample in samples]
    blind = [dict(s, pred_maps=m, map_labels=torch.tensor([-1])) for s, m in zip(samples, maps)]
    result, metric = _evaluate(blind, 'choe_v1', 'choe_v2')
    names = ['GT-known', 'MaxBoxAcc', 'MaxBoxAccV2', *(f'MaxBoxAccV2@{level}' for level in LEVELS)]
    for name in names:
        assert result[f'centre_Gaussian/{name}'] == result[f'choe_v2/{name}'], name
    assert result['centre_Gaussian/GT-known'] == result['choe_v1/GT-known'] > 0
    row = metric.summary['baselines'][2]
    assert row['threshold'] == metric.summary['rows'][1]['threshold']
    assert row['threshold_source'] == 'oracle per level'


def test_perfect_map_hits_at_every_level():
    def sample(index):
        box = np.array([10.0, 12, 30, 36])
        maps = torch.zeros(1, 56, 80)
        maps[0, 12:36, 10:30] = 1
        return _sample(
            index,
            pred_maps=maps,
            map_labels=torch.tensor([-1]),
            ori_bboxes=box[None],
            ori_shape=(56, 80),
            resize_shape=(56, 80),
            crop_offset=(0, 0),
        )

    names = ('choe_v1', 'choe_v2', 'bas', 'bas_ext', 'tscam', 'sat')
    result, _ = _evaluate([sample(i) for i in range(3)], *names)
    for name in names:
        assert result[f'{name}/GT-known'] == result[f'{name}/MaxBoxAcc'] == 100
        assert result[f'{name}/MaxBoxAccV2'] == 100


def test_constant_and_nan_maps_are_counted_not_crashed_on():
    constant = _sample(0, pred_maps=torch.full((8, 6, 6), 0.5))
    broken = _sample(1, pred_maps=torch.full((8, 6, 6), float('nan')))
    result, _ = _evaluate([constant, broken], 'bas', 'bas_ext', 'choe_v1', 'choe_v2', 'tscam', 'scm', 'sat')
    assert all(np.isfinite(value) for value in result.values())
    assert result['choe_v2/MaxBoxAccV2'] == 0


def test_boxes_in_the_input_frame_serve_where_the_annotation_is_not_carried(samples):
    def moved(sample):
        boxes = _in_input(sample)
        return {k: v for k, v in sample.items() if not k.startswith('ori_')} | dict(
            gt_bboxes=torch.from_numpy(boxes), img_shape=(56, 80)
        )

    one, _ = _evaluate(samples, dict(name='bas', topk=3, threshold=0.4))
    two, _ = _evaluate([moved(s) for s in samples], dict(name='bas', topk=3, threshold=0.4))
    assert one['bas/GT-known'] == two['bas/GT-known']


def test_result_is_json_able_and_prefixed(samples):
    metric = LocalizationMetric(['bas_ext', 'choe_v2'])
    metric.process(None, samples)
    result = metric.evaluate(len(samples))
    assert all(key.startswith('wsol/') for key in result)
    assert json.loads(json.dumps(metric.summary)) == metric.summary
    rows = {row['name']: row for row in metric.summary['rows']}
    assert rows['bas_ext']['protocol']['component'] == 'largest_pixels'
    assert (rows['bas_ext']['threshold'], rows['bas_ext']['threshold_source']) == (0.1, 'fixed')
    assert metric.results == []


def test_metric_runs_in_an_mmengine_evaluator():
    evaluator = Evaluator([dict(type='mmwsol.LocalizationMetric', protocols='choe_v1', iou_thresholds=(50,))])
    data_samples = []
    for i in range(4):
        values = _sample(i)
        sample = LocDataSample(metainfo={k: v for k, v in values.items() if not isinstance(v, torch.Tensor)})
        for key, value in values.items():
            if isinstance(value, torch.Tensor):
                sample.set_data({key: value})
        data_samples.append(sample)
    evaluator.process(data_samples)
    assert {'wsol/choe_v1/GT-known', 'wsol/cls/top-1'} <= set(evaluator.evaluate(4))
    assert METRICS.get('LocalizationMetric') is LocalizationMetric


def test_without_scores_the_boxes_are_still_scored(samples):
    bare = [{k: v for k, v in s.items() if k != 'pred_scores'} for s in samples[:3]]
    result, _ = _evaluate(bare, 'choe_v2')
    assert 'choe_v2/GT-known' in result
    assert not any('top-' in key.lower() for key in result)


def test_without_any_box_only_classification_is_reported(samples):
    bare = [s | dict(ori_bboxes=np.empty((0, 4))) for s in samples]
    result, metric = _evaluate(bare, 'choe_v2')
    assert result['cls/top-1'] == 100 * np.mean([_top(s, 1) for s in samples])
    assert set(result) == {'cls/top-1', 'cls/top-5'}
    assert 'no boxes' in metric.table_text


def test_one_image_without_a_box_is_named(samples):
    bare = samples[1] | dict(ori_bboxes=np.empty((0, 4)))
    with pytest.raises(ValueError, match=r'images/1\.jpg has no ground-truth box'):
        LocalizationMetric().process(None, [samples[0], bare])
    metric = LocalizationMetric()
    metric.process(None, [samples[0]])
    with pytest.raises(ValueError, match=r'images/1\.jpg has no ground-truth box'):
        metric.process(None, [bare])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(gt_label=None), 'images/0.jpg has no gt_label'),
        (dict(gt_label=torch.tensor([7])), 'labels must be in 0..6, got 7..7'),
        (dict(pred_maps=torch.zeros(1, 4, 4), map_labels=torch.tensor([0])), 'keep_gt'),
    ],
)
def test_wrong_samples_are_refused(changes, message):
    sample = _sample(0, **changes)
    with pytest.raises(ValueError, match=message):
        LocalizationMetric().process(None, [sample])


def test_maps_are_required():
    sample = _sample(0)
    del sample['pred_maps']
    with pytest.raises(ValueError, match=r'images/0\.jpg has no pred_maps'):
        LocalizationMetric().process(None, [sample])


def test_no_images_give_no_numbers():
    assert LocalizationMetric().evaluate(0) == {}


def test_predictions_of_another_classifier_decide_the_class_and_nothing_else(tmp_path) -> None:
    samples = [_sample(i) for i in range(12)]
    protocols = ['choe_v2', 'tscam', 'scm', 'bas']
    other = {
        s['img_id']: [int(s['gt_label'])] if i % 3 else [(int(s['gt_label']) + 1) % 7]
        for i, s in enumerate(samples)
    }
    (tmp_path / 'other.json').write_text(json.dumps(other))
    own, _ = _evaluate(samples, *protocols)
    two, metric = _evaluate(samples, *protocols, predictions=str(tmp_path / 'other.json'), per_image=True)
    replaced = [
        s | dict(pred_scores=torch.nn.functional.one_hot(torch.tensor(other[s['img_id']][0]), 7).float())
        for s in samples
    ]
    expected, _ = _evaluate(replaced, 'choe_v2', 'tscam')
    assert two['cls/top-1'] == pytest.approx(100 * 8 / 12) != own['cls/top-1']
    for row in ('choe_v2', 'tscam'):
        assert two[f'{row}/Top-1 Loc'] == expected[f'{row}/Top-1 Loc']
    for key in own:
        if not any(part in key for part in ('Top-', 'cls/', 'top-', 'threshold')):
            assert two[key] == own[key], key
    assert metric.summary['predictions'].endswith('other.json') and 'two-stage' in metric.table_text
    assert metric.summary['predictions_sha256'] == file_digest(tmp_path / 'other.json')
    found = dict(zip(metric.images.columns['img_id'], metric.images.columns['pred_label']))
    assert {key: [int(label)] for key, label in found.items()} == other


def test_own_scores_as_predictions_change_nothing(tmp_path) -> None:
    samples = [_sample(i) for i in range(7)]
    np.savez(tmp_path / 'own.npz', **{s['img_id']: s['pred_scores'].numpy() for s in samples})
    assert (
        _evaluate(samples, 'choe_v2', 'scm', 'bas')[0]
        == (_evaluate(samples, 'choe_v2', 'scm', 'bas', predictions=str(tmp_path / 'own.npz'))[0])
    )


def test_maps_without_scores_take_the_classes_of_a_file(tmp_path) -> None:
    samples = [_sample(i) for i in range(6)]
    rows = ''.join(f'{s["img_id"]},{int(s["gt_label"])}\n' for s in samples)
    (tmp_path / 'right.csv').write_text(rows)
    for sample in samples:
        del sample['pred_scores']
    result, _ = _evaluate(samples, 'choe_v2', predictions=str(tmp_path / 'right.csv'))
    assert result['cls/top-1'] == 100.0
    assert result['choe_v2/Top-1 Loc'] == result['choe_v2/GT-known']
