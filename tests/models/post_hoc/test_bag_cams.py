from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmwsol.models.post_hoc import BagCAMs, bag_maps

each_weighting = pytest.mark.parametrize('weighting', ['contribution', 'uniform'])


@each_weighting
@torch.no_grad()
def test_behind_pooling_and_a_linear_layer_the_bag_is_cam(
    classifier: Callable, images: Tensor, samples_of: Callable, weighting: str
) -> None:
    """All regional localizers are w / (h w): every weighting gives relu(CAM) / (h w)."""
    model = classifier(dict(type='BagCAMs', weighting=weighting))
    cam = model.head.predict(model.extract_feat(images), samples_of([3, 0, 2]))
    cam = torch.stack([sample.pred_maps for sample in cam])
    bag = model(images, samples_of([3, 0, 2]), mode='predict')
    torch.testing.assert_close(
        torch.stack([sample.pred_maps for sample in bag]) * 16, cam.relu(), rtol=1e-4, atol=1e-6
    )


def test_maps_are_the_weighted_mean_over_localizers_written_out() -> None:
    generator = torch.Generator().manual_seed(3)
    activations, gradients = torch.randn(2, 1, 5, 2, 3, generator=generator).unbind(0)
    for weighting in ('contribution', 'uniform'):
        total, weight = torch.zeros(2, 3), 0.0
        for row in range(2):
            for column in range(3):
                localizer = gradients[0, :, row, column]
                map_ = torch.einsum('c,chw->hw', localizer, activations[0]).relu()
                share = 1.0 if weighting == 'uniform' else map_[row, column].item()
                total, weight = total + share * map_, weight + share
        torch.testing.assert_close(bag_maps(activations, gradients, weighting)[0], total / weight)


@each_weighting
def test_no_localizer_vetoes_another(weighting: str) -> None:
    """Two positions, whose localizers see themselves and deny the other: Grad-CAM cancels to zero, the bag does not."""
    activations = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    gradients = torch.tensor([[[[1.0, -1.0]], [[-1.0, 1.0]]]])
    grad_cam = (gradients.mean((2, 3), keepdim=True) * activations).sum(1)
    assert not grad_cam.any()
    torch.testing.assert_close(bag_maps(activations, gradients, weighting), torch.full((1, 1, 2), 0.5))


def test_without_any_contribution_all_localizers_weigh_the_same() -> None:
    activations = torch.tensor([[[[1.0, 2.0]]], [[[1.0, -1.0]]]])
    gradients = torch.tensor([[[[-1.0, -1.0]]], [[[-1.0, 0.5]]]])
    maps = bag_maps(activations, gradients)
    torch.testing.assert_close(maps[0], torch.zeros(1, 2))
    torch.testing.assert_close(maps[1], torch.tensor([[0.25, 0.5]]))


def test_unknown_weighting_is_refused() -> None:
    with pytest.raises(ValueError, match=r"weighting must be one of .*got 'softmax'"):
        BagCAMs(weighting='softmax')
