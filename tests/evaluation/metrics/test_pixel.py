from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from mmwsol.evaluation.metrics import PixelMetric
from mmwsol.evaluation.protocols import get_protocol
from mmwsol.evaluation.selection import switches_of
from mmwsol.registry import METRICS
from mmwsol.structures import LocDataSample


def _sample(index: int, **changes) -> dict:
    """Maps of six classes in falling order, then the true class's; a mask with an ignored rim."""
    rng = np.random.default_rng(index)
    side = 5 + index % 2
    mask = np.zeros((40, 48), np.uint8)
    top, left = rng.integers(2, 14, 2)
    mask[top - 2 : top + 18, left - 2 : left + 22] = 255
    mask[top : top + 16, left : left + 20] = 1
    maps = cv2.resize(np.float32(mask == 1), (side, side), interpolation=cv2.INTER_AREA)
    maps = maps + 0.6 * rng.random((6, side, side))
    order, label = rng.permutation(6), index % 6
    sample = dict(
        sample_idx=index,
        img_path=f'images/{index}.jpg',
        gt_label=torch.tensor([label]),
        gt_mask=torch.from_numpy(mask),
        pred_scores=torch.from_numpy(rng.random(6)),
        pred_maps=torch.from_numpy(maps[[*order, label]]).float(),
        map_labels=torch.from_numpy(np.array([*order, label])),
        img_shape=(40, 48),
    )
    return sample | changes


def _evaluate(samples, *protocols, **kwargs) -> tuple[dict, PixelMetric]:
    metric = PixelMetric(list(protocols) or ('choe_v2',), **kwargs)
    for start in range(0, len(samples), 4):
        metric.process(None, samples[start : start + 4])
    result = metric.evaluate(len(samples))
    return {key.removeprefix('wsol/'): value for key, value in result.items()}, metric


@pytest.fixture(scope='module')
def samples() -> list[dict]:
    return [_sample(i) for i in range(10)]


def _choe_map(sample: dict) -> np.ndarray:
    full = cv2.resize(sample['pred_maps'][-1].double().numpy(), (48, 40), interpolation=cv2.INTER_CUBIC)
    return (full - full.min()) / (full.max() - full.min())


def _bas_map(sample: dict) -> np.ndarray:
    values = sample['pred_maps'][-1].numpy()
    values = (values - values.min()) / (values.max() - values.min() + np.float32(1e-5))
    return cv2.resize(values, (48, 40), interpolation=cv2.INTER_LINEAR)


def _pooled(samples: list[dict], heatmap) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truth of all pixels that are not ignored."""
    valid = [s['gt_mask'].numpy() != 255 for s in samples]
    scores = np.concatenate([heatmap(s)[v] for s, v in zip(samples, valid)])
    return scores, np.concatenate([s['gt_mask'].numpy()[v] == 1 for s, v in zip(samples, valid)])


def _iou(found: np.ndarray, truth: np.ndarray) -> float:
    return 100 * (found & truth).sum() / (found | truth).sum()


# OpenCV's resize differs by rounding, which moves a pixel or two of 15000 over a bin's edge
@pytest.mark.parametrize(('preset', 'heatmap'), [('choe_v2', _choe_map), ('bas_ext', _bas_map)])
def test_pooled_numbers_equal_a_plain_restatement(samples, preset, heatmap):
    protocol = dict(name=preset, topk=1, threshold=0.6)
    result, metric = _evaluate(samples, protocol, interval=0.01)
    scores, truth = _pooled(samples, heatmap)
    grid = np.append(np.arange(0, 1, 0.01), 1.0)
    found = [scores >= threshold for threshold in grid]
    ious = [_iou(f, truth) for f in found]
    assert result[f'{preset}/pIoU'] == pytest.approx(max(ious), abs=0.02)
    assert metric.summary['rows'][0]['pIoU threshold'] == pytest.approx(grid[np.argmax(ious)], abs=0.011)
    recalls = [(f & truth).sum() / truth.sum() for f in found] + [0.0]
    precisions = [(f & truth).sum() / max(f.sum(), 1) for f in found]
    expected = 100 * sum(p * (r - s) for p, r, s in zip(precisions, recalls, recalls[1:]))
    assert result[f'{preset}/PxAP'] == pytest.approx(expected, abs=0.02)
    assert result['whole_image/PxAP'] < result[f'{preset}/PxAP'] < 100


def test_mask_iou_is_of_the_protocols_own_foreground(samples):
    result, _ = _evaluate(
        samples, dict(name='choe_v2', threshold=0.6), dict(name='bas_ext', topk=1), 'choe_v1'
    )
    foregrounds = {
        'choe_v2': lambda s: np.floor(255 * _choe_map(s)) > int(0.6 * 255),
        'bas_ext': lambda s: _bas_map(s) > 0.1,
        'choe_v1': lambda s: np.floor(255 * _choe_map(s)) > int(0.2 * 255),
    }
    for name, foreground in foregrounds.items():
        each = [_iou(*_pooled([s], foreground)) for s in samples]
        assert result[f'{name}/mask IoU'] == pytest.approx(np.mean(each), abs=0.02)
        assert result[f'{name}/pooled IoU'] == pytest.approx(_iou(*_pooled(samples, foreground)), abs=0.02)


def test_perfect_map_scores_a_hundred(samples):
    def perfect(s):
        maps = (s['gt_mask'] == 1).float()[None]
        return s | dict(pred_maps=maps, map_labels=torch.tensor([-1]))

    names = ('choe_v1', 'choe_v2', 'bas', 'bas_ext', 'tscam', 'scm', 'sat')
    result, _ = _evaluate([perfect(s) for s in samples], *names)
    for name in names:
        assert [result[f'{name}/{m}'] for m in ('PxAP', 'pIoU', 'mask IoU', 'pooled IoU')] == [100] * 4


def test_constant_and_nan_maps_score_as_the_whole_image(samples):
    constant = [s | dict(pred_maps=torch.full((7, 4, 4), 0.5)) for s in samples[:5]]
    broken = [s | dict(pred_maps=torch.full((7, 4, 4), float('nan'))) for s in samples[5:]]
    result, _ = _evaluate([*constant, *broken], 'choe_v2', dict(name='bas', topk=1))
    for name in ('choe_v2', 'bas'):
        assert result[f'{name}/PxAP'] == result['whole_image/PxAP'] == pytest.approx(result[f'{name}/pIoU'])
        assert result[f'{name}/mask IoU'] == 0


def test_whole_image_scores_the_fraction_of_object_pixels(samples):
    result, _ = _evaluate(samples)
    _, truth = _pooled(samples, _choe_map)
    assert result['whole_image/PxAP'] == pytest.approx(100 * truth.mean())
    assert result['whole_image/pooled IoU'] == result['whole_image/pIoU'] == pytest.approx(100 * truth.mean())


def test_centre_gaussian_knows_where_a_centred_object_is(samples):
    mask = torch.zeros(40, 48, dtype=torch.uint8)
    mask[12:28, 14:34] = 1
    result, _ = _evaluate([s | dict(gt_mask=mask) for s in samples])
    assert result['centre_Gaussian/PxAP'] > 90 > result['whole_image/PxAP']


def test_scm_is_scored_on_the_true_class(samples):
    result, metric = _evaluate(samples, 'scm', dict(name='tscam', dtype='float64'))
    assert result['scm/PxAP'] == result['tscam/PxAP']
    assert metric.summary['rows'][0]['protocol']['map_source'] == 'gt'


def test_image_without_an_object_counts_as_background_and_is_said(samples):
    empty = samples[0] | dict(gt_mask=torch.zeros(40, 48, dtype=torch.uint8))
    without, _ = _evaluate(samples[1:])
    result, metric = _evaluate([empty, *samples[1:]])
    assert result['choe_v2/PxAP'] < without['choe_v2/PxAP']
    assert result['choe_v2/mask IoU'] == without['choe_v2/mask IoU']
    assert metric.summary['num_with_object'] == 9
    assert '1 of 10 images show no object' in metric.table_text


def test_image_without_a_mask_is_named(samples):
    bare = {key: value for key, value in samples[3].items() if key != 'gt_mask'}
    with pytest.raises(ValueError, match=r'images/3\.jpg has no gt_mask, .*take PixelMetric out'):
        _evaluate([samples[0], bare])


def test_mask_of_another_frame_is_named(samples):
    moved = samples[2] | dict(gt_mask=torch.zeros(48, 40, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r'images/2\.jpg: gt_mask has the shape \(48, 40\), .* \(40, 48\)'):
        _evaluate([moved])


@pytest.mark.parametrize('value', [0, 255])
def test_masks_without_any_object_are_an_error(samples, value):
    mask = torch.full((40, 48), value, dtype=torch.uint8)
    with pytest.raises(ValueError, match='no object pixel that is not ignored'):
        _evaluate([s | dict(gt_mask=mask) for s in samples])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(protocols=[]), 'at least one protocol'),
        (dict(mask_threshold=1.0), r'must lie in \[0, 1\), got 1'),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PixelMetric(**arguments)


def test_no_images_give_no_numbers():
    assert PixelMetric().evaluate(0) == {}


def test_table_and_summary_say_where_thresholds_came_from(samples):
    _, metric = _evaluate(samples, 'choe_v2', 'bas_ext')
    lines = metric.table_text.splitlines()
    assert lines[0].split()[:5] == ['protocol', 'PxAP', 'pIoU', 'threshold', 'source']
    assert all('oracle' in line for line in lines[2:6])
    assert json.loads(json.dumps(metric.summary)) == metric.summary
    assert [row['mask threshold'] for row in metric.summary['rows']] == [0.2, 0.1]


def _selection(split: str = 'val', threshold: float = 0.6, best_by: str | None = None) -> dict:
    choice = dict(
        name='strict',
        source='val',
        threshold=threshold,
        value=70.0,
        split=split,
        images=9,
        switches=switches_of(get_protocol('strict')),
    )
    return dict(epoch=3, split=split, best_by=best_by, choices=[choice])


def test_foreground_is_cut_at_the_threshold_of_the_checkpoint(samples):
    stated, _ = _evaluate(samples, dict(name='strict', threshold=0.6))
    metric = PixelMetric(['strict', 'choe_v2'])
    metric.take_selection(_selection(), 'x.pth')
    metric.process(None, samples[::2])
    metric.process(None, samples[1::2])
    found = metric.evaluate(len(samples))
    assert found['wsol/strict/mask IoU'] == stated['strict/mask IoU']
    row, other = metric.summary['rows']
    assert (row['mask threshold'], row['mask threshold source']) == (0.6, 'val')
    assert row['threshold_from'] == dict(split='val', images=9, value=70.0)
    assert (other['mask threshold'], other['mask threshold source']) == (0.2, 'default')


def test_foreground_and_checkpoint_chosen_on_test_data_are_marked(samples):
    metric = PixelMetric('strict')
    metric.take_selection(_selection('test', best_by='wsol/strict/IoU'), 'x.pth')
    metric.process(None, samples[::2])
    metric.evaluate(5)
    (row,) = metric.summary['rows']
    assert row['mask threshold source'] == 'test (oracle)'
    assert row['checkpoint'] == 'epoch 3, best wsol/strict/IoU on test (oracle)'
    assert row['checkpoint'] in metric.table_text


def test_protocol_that_awaits_a_threshold_is_cut_at_the_default_until_a_test_gives_it(samples):
    _, metric = _evaluate(samples, 'strict', mask_threshold=0.4)
    (row,) = metric.summary['rows']
    assert (row['mask threshold'], row['mask threshold source']) == (0.4, 'default')
    with pytest.raises(ValueError, match=r'strict takes the threshold .* but x\.pth carries no threshold'):
        metric.take_selection(None, 'x.pth')


def test_it_stands_beside_the_localization_metric(samples):
    metrics = [
        METRICS.build(dict(type=kind, protocols=['bas_ext']))
        for kind in ('LocalizationMetric', 'PixelMetric')
    ]
    evaluator = Evaluator(metrics)
    data = []
    for s in samples:
        fields = {k: s[k] for k in ('gt_label', 'gt_mask', 'pred_scores', 'pred_maps', 'map_labels')}
        meta = {k: s[k] for k in ('sample_idx', 'img_path', 'img_shape')}
        data.append(LocDataSample(metainfo=meta, gt_bboxes=torch.tensor([[5.0, 6, 20, 30]]), **fields))
    evaluator.process(data)
    result = evaluator.evaluate(len(samples))
    assert {'wsol/bas_ext/PxAP', 'wsol/bas_ext/GT-known', 'wsol/whole_image/pIoU'} <= set(result)
