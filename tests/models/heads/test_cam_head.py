from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mmwsol.models.heads import CAMHead
from mmwsol.models.layers import ADL


@pytest.fixture
def features() -> Tensor:
    return torch.randn(2, 5, 4, 6, generator=torch.Generator().manual_seed(0))


def all_maps(head: CAMHead, features: Tensor) -> Tensor:
    every = torch.arange(head.num_classes).expand(len(features), -1)
    return head.localize(head.pre_logits([features]), every)


def test_mean_of_a_linear_map_plus_the_bias_is_the_logit(features: Tensor) -> None:
    head = CAMHead(num_classes=3, in_channels=5)
    torch.testing.assert_close(all_maps(head, features).mean((2, 3)) + head.fc.bias, head([features]))


def test_mean_of_a_conv_map_is_the_logit(features: Tensor) -> None:
    head = CAMHead(num_classes=3, in_channels=5, form='conv')
    torch.testing.assert_close(all_maps(head, features).mean((2, 3)), head([features]))


def test_both_forms_of_equal_weights_give_equal_logits_and_maps_that_differ_by_the_bias(
    features: Tensor,
) -> None:
    linear, conv = CAMHead(3, 5, form='linear'), CAMHead(3, 5, form='conv')
    conv.fc.weight.data = linear.fc.weight.data[:, :, None, None]
    conv.fc.bias.data = linear.fc.bias.data
    torch.testing.assert_close(linear([features]), conv([features]))
    difference = all_maps(conv, features) - all_maps(linear, features)
    torch.testing.assert_close(difference, linear.fc.bias[None, :, None, None].expand_as(difference))


def test_map_is_the_weighted_sum_of_the_channels() -> None:
    head = CAMHead(num_classes=2, in_channels=2)
    head.fc.weight.data = torch.tensor([[1.0, 10.0], [2.0, -1.0]])
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # (1, 2, 1, 2)
    assert all_maps(head, features).tolist() == [[[[31.0, 42.0]], [[-1.0, 0.0]]]]


def test_only_the_last_of_several_feature_maps_is_read(features: Tensor) -> None:
    head = CAMHead(num_classes=3, in_channels=5)
    torch.testing.assert_close(head([torch.zeros(2, 9, 8, 8), features]), head([features]))


def test_hidden_convolutions_and_dropouts_stand_before_the_classifier() -> None:
    head = CAMHead(3, 5, form='conv', hidden_channels=(7, 8), dropout=0.5)
    kinds = [type(layer) for layer in head.hidden]
    assert kinds == [nn.Dropout, nn.Conv2d, nn.ReLU, nn.Dropout, nn.Conv2d, nn.ReLU, nn.Dropout]
    assert head.fc.weight.shape == (3, 8, 1, 1)


def test_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="'linear' or 'conv', got 'gap'"):
        CAMHead(3, 5, form='gap')


def test_last_layer_stands_behind_the_hidden_convolutions() -> None:
    head = CAMHead(3, 5, form='conv', hidden_channels=(7,), last_layer=dict(type='ADL'))
    assert [type(layer) for layer in head.hidden] == [nn.Conv2d, nn.ReLU, ADL]
