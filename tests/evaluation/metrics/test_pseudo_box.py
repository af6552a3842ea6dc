from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from torch import nn
from two_processes import run_in_two_processes

from mmwsol.evaluation.functional.boxes import boxes_to_input, pairwise_iou
from mmwsol.evaluation.localization import localize
from mmwsol.evaluation.localization_report import summary_metrics
from mmwsol.evaluation.metrics import LocalizationMetric, PseudoBoxMetric
from mmwsol.evaluation.metrics.pseudo_box import map_boxes
from mmwsol.evaluation.protocols import get_protocol
from mmwsol.models.localizers import Localizer
from mmwsol.registry import MODELS

LOCALIZER = dict(
    type='Localizer',
    backbone=dict(type='ViTBackbone', name='test_vit', img_size=64, keys=True, frozen=True),
    head=dict(type='TokenCutHead', num_classes=1, in_channels=64),
)
# the lit pixels of a white square on black are the object
LIT = dict(type='Localizer', backbone=dict(type='LitBackbone'), head=dict(type='LitHead'))


class LitBackbone(nn.Module):
    """Brightness of cells of 8x8 pixels."""

    def forward(self, x):
        return (nn.functional.avg_pool2d(x.mean(1, keepdim=True), 8),)


class LitHead(nn.Module):
    def predict(self, feats, data_samples):
        for maps, sample in zip(feats[-1], data_samples):
            sample.set_field(maps - maps.min(), 'pred_maps')
            sample.set_field(torch.tensor([-1]), 'map_labels')
        return data_samples


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('mmwsol'):
        for part in (LitBackbone, LitHead):
            MODELS.register_module(module=part, force=True)
        yield
        for part in (LitBackbone, LitHead):
            MODELS.module_dict.pop(part.__name__, None)


def square(index: int) -> tuple[torch.Tensor, list[int]]:
    """A network input (3, 64, 64) with a white square, and its box."""
    x, y, side = 8 * (index % 4), 8 * (index % 3), 24
    image = torch.zeros(3, 64, 64, dtype=torch.uint8)
    image[:, y : y + side, x : x + side] = 255
    return image, [x, y, x + side, y + side]


def sample(index: int, **changes) -> dict:
    """The 64x64 centre crop of an 80x80 resize of a 160x120 image; the map of its class is a blob in the square."""
    _, (x0, y0, _, _) = square(index)
    yy, xx = torch.meshgrid(torch.arange(8), torch.arange(8), indexing='ij')
    blob = torch.exp(-((xx - x0 / 8 - 1) ** 2 + (yy - y0 / 8 - 1) ** 2) / (2.0 + index % 5))
    return (
        dict(
            sample_idx=index,
            img_path=f'{index}.jpg',
            gt_label=torch.tensor([0]),
            pred_scores=torch.tensor([0.4, 0.6]),
            pred_maps=blob[None],
            map_labels=torch.tensor([0]),
            ori_bboxes=np.array([[0.0, 0, 1, 1]]),
            gt_bboxes=torch.zeros(1, 4),
            ori_shape=(120, 160),
            resize_shape=(80, 80),
            crop_offset=(8, 8),
            img_shape=(64, 64),
        )
        | changes
    )


def evaluate(metric, indices, size=None, **changes):
    for start in range(0, len(indices), 4):
        part = indices[start : start + 4]
        batch = dict(inputs=[square(i)[0] for i in part])
        metric.process(batch, [sample(i, **changes) for i in part])
    metric.evaluate(size or len(indices))
    return metric


def test_boxes_cover_the_cells_of_the_largest_component_wholly():
    maps = torch.zeros(2, 4, 4)
    maps[0, 1:3, 1] = 1
    maps[0, 0, 3] = 5
    boxes = map_boxes(maps, (8, 16))
    np.testing.assert_array_equal(boxes, [[[4, 2, 8, 6]], [[0, 0, 16, 8]]])  # a constant map: the frame


def test_pseudo_boxes_take_the_place_of_true_ones_in_original_pixels():
    metric = evaluate(PseudoBoxMetric(LIT), list(range(8)))
    for index in range(8):
        back = boxes_to_input(metric._boxes[f'{index}.jpg'], (120, 160), (80, 80), (8, 8), (64, 64))
        np.testing.assert_allclose(back, [square(index)[1]], atol=1e-9)


def test_agreement_equals_boxing_each_image_at_the_chosen_threshold():
    metric = evaluate(PseudoBoxMetric(LIT), list(range(12)))
    (row,) = metric.summary['rows']
    protocol = get_protocol('strict')

    def hit_rate(threshold, level):
        boxes = []
        for i in range(12):
            s = sample(i)
            _, box = localize(s['pred_maps'], s['map_labels'], 0, protocol, (64, 64), threshold=threshold)
            boxes.append(pairwise_iou([box], [square(i)[1]], inclusive=False)[0, 0])
        return 100 * np.mean(np.array(boxes) >= level / 100 - 1e-9)

    assert 0.0 < row['threshold'] < 0.99
    for level in (30, 50, 70):
        assert row[f'agreement@{level}'] == pytest.approx(hit_rate(row['threshold'], level))
    means = [np.mean([hit_rate(t, level) for level in (30, 50, 70)]) for t in (0.05, 0.2, 0.6, 0.9)]
    assert row['agreement'] >= max(means) - 1e-9 and row['agreement'] > min(means)


def test_true_boxes_are_not_looked_at():
    first = evaluate(PseudoBoxMetric(LIT), list(range(8)))
    other = evaluate(
        PseudoBoxMetric(LIT), list(range(8)), ori_bboxes=np.array([[5.0, 5, 90, 90]]), gt_bboxes=None
    )
    assert first.summary == other.summary and first.choices == other.choices


def test_choice_is_marked_pseudo_and_fixed_thresholds_stay():
    metric = PseudoBoxMetric(LIT, protocols=['strict', dict(name='strict', threshold=0.9)])
    metric.dataset_meta = dict(split='val')
    evaluate(metric, list(range(8)))
    first, second = metric.summary['rows']
    assert (first['threshold_source'], second['threshold_source']) == ('pseudo', 'fixed')
    (choice,) = metric.choices
    assert (choice['source'], choice['threshold'], choice['split'], choice['images']) == (
        'pseudo',
        first['threshold'],
        'val',
        8,
    )
    assert choice['value'] == first['agreement'] > second['agreement']
    taken = LocalizationMetric(dict(name='strict', threshold_source='pseudo'))
    taken.take_selection(dict(choices=metric.choices), 'x.pth')
    assert taken.protocols[0].thresholds == (first['threshold'],)


def test_table_and_metrics_hold_agreement_only():
    metric = PseudoBoxMetric(LIT)
    evaluate(metric, list(range(4)))
    text = metric.table_text
    assert 'agreement@70' in text and 'GT-known' not in text and 'Top-1' not in text and 'whole image' in text
    names = {key.split('/')[-1].split('@')[0] for key in summary_metrics(metric.summary)}
    assert names == {'agreement', 'threshold'}


def test_a_second_epoch_asks_the_frozen_network_nothing(monkeypatch):
    metric = evaluate(PseudoBoxMetric(LIT), list(range(6)))
    first = metric.summary
    monkeypatch.setattr(Localizer, 'test_step', lambda *args: pytest.fail('boxed again'))
    assert evaluate(metric, list(range(6))).summary == first


def test_ten_crops_are_boxed_in_the_view_that_is_localized():
    metric, image = PseudoBoxMetric(LIT), square(3)[0]
    views = torch.zeros(10, 3, 64, 64, dtype=torch.uint8)
    views[4] = image
    metric.process(dict(inputs=[views]), [sample(3)])
    other = PseudoBoxMetric(LIT)
    other.process(dict(inputs=[image]), [sample(3)])
    np.testing.assert_array_equal(metric._boxes['3.jpg'], other._boxes['3.jpg'])


def test_tokencut_boxes_are_the_same_whenever_they_are_made():
    torch.manual_seed(0)
    metric = PseudoBoxMetric(LOCALIZER)
    evaluate(metric, list(range(4)))
    first = dict(metric._boxes)
    metric._boxes.clear()
    evaluate(metric, [3, 1, 0, 2])
    for name, box in first.items():
        np.testing.assert_allclose(metric._boxes[name], box)
    assert not any(p.requires_grad for p in metric.localizer.parameters())


def test_missing_weights_are_an_error_when_the_metric_is_built():
    init_cfg = dict(type='Pretrained', checkpoint='nowhere.pth')
    localizer = LOCALIZER | dict(backbone=LOCALIZER['backbone'] | dict(init_cfg=init_cfg))
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth'):
        PseudoBoxMetric(localizer)


def _rank(rank: int, shares: list[list[int]], folder: str) -> None:
    with DefaultScope.overwrite_default_scope('mmwsol'):
        for part in (LitBackbone, LitHead):
            MODELS.register_module(module=part, force=True)
        metric = evaluate(PseudoBoxMetric(LIT), shares[rank], size=11)
    torch.save([metric.summary, metric.choices, metric.table_text], f'{folder}/{rank}.pt')


def test_two_processes_choose_the_threshold_of_one(tmp_path):
    single = evaluate(PseudoBoxMetric(LIT), list(range(11)))
    shares = [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 0]]
    run_in_two_processes(_rank, tmp_path, shares, str(tmp_path))
    for rank in range(2):
        assert torch.load(tmp_path / f'{rank}.pt') == [single.summary, single.choices, single.table_text]
