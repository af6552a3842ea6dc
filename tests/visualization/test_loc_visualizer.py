from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.visualization import LocalVisBackend

from mmwsol.evaluation import get_protocol
from mmwsol.structures import LocDataSample
from mmwsol.visualization import LocVisualizer
from mmwsol.visualization.drawing import GT_COLOR, PRED_COLOR


@pytest.fixture
def image() -> np.ndarray:
    return np.full((200, 200, 3), 90, np.uint8)


@pytest.fixture
def sample() -> LocDataSample:
    """Three classes, true class 2, whose map lights a quarter; true box another quarter."""
    maps = torch.zeros(4, 8, 8)
    maps[3, :4, :4] = 1.0
    sample = LocDataSample()
    values = dict(
        pred_scores=torch.tensor([0.2, 0.7, 0.1]),
        pred_label=torch.tensor([1]),
        pred_maps=maps,
        map_labels=torch.tensor([1, 0, 2, 2]),
        gt_label=torch.tensor([2]),
        gt_bboxes=torch.tensor([[120.0, 120.0, 180.0, 180.0]]),
    )
    for name, value in values.items():
        sample.set_field(value, name)
    return sample


def has_color(picture: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((picture == color).all(2).any())


def test_panel_holds_image_heat_map_and_both_boxes(image: np.ndarray, sample: LocDataSample) -> None:
    panel = LocVisualizer('one').draw(image, sample)
    assert panel.shape[1] == 400 and panel.shape[0] > 200
    left, right = panel[:200, :200], panel[:200, 200:]
    assert tuple(left[120, 120]) == GT_COLOR
    assert has_color(left[:115, :115], PRED_COLOR) and has_color(right[:115, :115], PRED_COLOR)
    assert not has_color(right, GT_COLOR)


def test_heat_map_is_that_of_the_protocol(image: np.ndarray, sample: LocDataSample) -> None:
    visualizer = LocVisualizer('two')
    gt_map = visualizer.draw(image, sample, get_protocol('choe_v2'))
    best_map = visualizer.draw(image, sample, get_protocol('choe_v2', map_source='top1'))
    assert not np.array_equal(gt_map[:200, 200:], best_map[:200, 200:])


def test_protocol_may_ask_for_more_maps_than_there_are_classes(
    image: np.ndarray, sample: LocDataSample
) -> None:
    assert LocVisualizer('three').draw(image, sample, get_protocol('bas_ext', topk=80)).shape[1] == 400


def test_sample_without_truth_is_drawn_under_a_protocol_that_needs_none(
    image: np.ndarray, sample: LocDataSample
) -> None:
    del sample.gt_label, sample.gt_bboxes
    visualizer = LocVisualizer('four', protocol=dict(name='bas_ext', topk=3))
    assert not has_color(visualizer.draw(image, sample), GT_COLOR)


def test_data_samples_reach_the_backends(tmp_path: Path, image: np.ndarray, sample: LocDataSample) -> None:
    visualizer = LocVisualizer('five', vis_backends=[dict(type=LocalVisBackend)], save_dir=str(tmp_path))
    visualizer.add_datasample('bird', image, sample, step=3)
    assert list(tmp_path.rglob('bird_3.png'))
