from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmwsol.models.post_hoc import GradCAMPlusPlus


def test_weights_are_those_of_derivatives_of_the_exponential_score(
    classifier: Callable, images: Tensor, samples_of: Callable
) -> None:
    """Equation 19 with real derivatives: of Y = exp(S), S linear in the features, by automatic differentiation."""
    model = classifier(dict(type='GradCAMPlusPlus'), topk=0)
    image, label = images[:1], 2
    (sample,) = model(image, samples_of([label]), mode='predict')
    features = model.backbone(image)[-1].detach().requires_grad_()
    score = model.head([features])[0, label]
    first = torch.autograd.grad(score.exp(), features, create_graph=True)[0]
    flat, powers = first.flatten(), []
    for i in range(flat.numel()):
        (second,) = torch.autograd.grad(flat[i], features, create_graph=True)
        (third,) = torch.autograd.grad(second.flatten()[i], features, retain_graph=True)
        powers.append((second.flatten()[i].item(), third.flatten()[i].item()))
    second, third = (torch.tensor(column, dtype=torch.float64).view_as(features) for column in zip(*powers))
    alpha = second / (2 * second + features.sum((2, 3), keepdim=True) * third)
    weights = (alpha * first.relu()).sum((2, 3), keepdim=True)
    expected = (weights * features).sum(1).relu() / score.exp()
    torch.testing.assert_close(sample.pred_maps, expected.detach().float(), rtol=1e-4, atol=1e-6)


def test_position_without_gradient_has_no_share() -> None:
    activations = torch.tensor([[[[1.0, 2.0]]]])
    gradients = torch.tensor([[[[0.0, 4.0]]]])
    weight = 4 / (2 + 4 * 3)  # the second position alone
    expected = weight * activations[:, 0]
    torch.testing.assert_close(GradCAMPlusPlus().weigh(activations, gradients), expected)


def test_vanishing_denominator_stays_finite() -> None:
    maps = GradCAMPlusPlus().weigh(torch.full((1, 1, 1, 1), -2.0), torch.ones(1, 1, 1, 1))
    assert maps.isfinite().all()


def test_torchcam_still_leaves_the_denominator_out() -> None:
    """Why this class exists; once torchcam divides, ``TorchCAM`` can take Grad-CAM++ over."""
    methods = pytest.importorskip('torchcam.methods')
    net = torch.nn.Sequential(torch.nn.Identity(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    x = torch.rand(1, 2, 3, 3, requires_grad=True)
    with methods.GradCAMpp(net, '0') as extract:
        maps = extract(1, net(x), normalized=False)[0]
    gradient = 1 / 9
    torch.testing.assert_close(maps, 9 * gradient**3 * x[:, 1].detach())
    divided = 9 * gradient / (2 + gradient * x[0, 1].sum()) * x[:, 1]
    assert not torch.allclose(maps, divided, rtol=0.1)
