from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmwsol.models.heads import SATHead
from mmwsol.models.localizers import Localizer
from mmwsol.models.post_hoc import GradCAMPlusPlus, PostHocMaps

ALL = [
    dict(type='TorchCAM', method='GradCAM'),
    dict(type='TorchCAM', method='XGradCAM'),
    dict(type='TorchCAM', method='LayerCAM'),
    dict(type='TorchCAM', method='ScoreCAM'),
    dict(type='GradCAMPlusPlus'),
    dict(type='BagCAMs'),
]
each_method = pytest.mark.parametrize('maps', ALL, ids=lambda maps: maps.get('method', maps['type']))
each_network = pytest.mark.parametrize('vit', [False, True], ids=['cnn', 'vit'])


@pytest.fixture(autouse=True)
def needs_torchcam(request: pytest.FixtureRequest) -> None:
    if 'maps' in request.fixturenames:
        pytest.importorskip('torchcam')


@each_network
@each_method
@torch.no_grad()
def test_a_batch_has_the_maps_of_its_images_one_by_one(
    classifier: Callable, images: Tensor, samples_of: Callable, maps: dict, vit: bool
) -> None:
    model, labels = classifier(maps, vit), [3, 0, 2]
    batch = model(images, samples_of(labels), mode='predict')
    for i, label in enumerate(labels):
        (one,) = model(images[i : i + 1], samples_of([label]), mode='predict')
        torch.testing.assert_close(batch[i].pred_maps, one.pred_maps, rtol=1e-4, atol=1e-7)
        assert torch.equal(batch[i].map_labels, one.map_labels)
    assert any(sample.pred_maps.any() for sample in batch)


@each_network
@each_method
@torch.no_grad()
def test_scores_are_the_classifiers_and_kept_classes_end_with_the_truth(
    classifier: Callable, images: Tensor, samples_of: Callable, maps: dict, vit: bool
) -> None:
    model = classifier(maps, vit)
    scores = model(images).softmax(1).float()
    for i, sample in enumerate(model(images, samples_of([3, 0, 2]), mode='predict')):
        torch.testing.assert_close(sample.pred_scores, scores[i])
        assert sample.map_labels.tolist() == [*scores[i].topk(2).indices.tolist(), [3, 0, 2][i]]
        assert sample.pred_maps.dtype == torch.float32 and not sample.pred_maps.requires_grad


@each_method
@torch.no_grad()
def test_prediction_leaves_the_model_as_it_was(
    classifier: Callable, images: Tensor, samples_of: Callable, maps: dict
) -> None:
    model = classifier(maps)
    model.backbone.stem.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    flags = [parameter.requires_grad for parameter in model.parameters()]
    model(images, samples_of([3, 0, 2]), mode='predict')
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert [parameter.requires_grad for parameter in model.parameters()] == flags
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not torch.is_grad_enabled() and not model.training
    for module in model.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks


@each_method
def test_a_frozen_classifier_still_has_maps(
    classifier: Callable, images: Tensor, samples_of: Callable, maps: dict
) -> None:
    free, frozen = classifier(maps), classifier(maps)
    frozen.requires_grad_(False)
    pairs = zip(*(model(images, samples_of([3, 0, 2]), mode='predict') for model in (free, frozen)))
    for one, other in pairs:
        assert torch.equal(one.pred_maps, other.pred_maps)


@torch.no_grad()
def test_maps_under_autocast_are_those_of_float32(
    classifier: Callable, images: Tensor, samples_of: Callable
) -> None:
    model = classifier(dict(type='GradCAMPlusPlus')).float()
    plain = model(images.float(), samples_of([3, 0, 2]), mode='predict')
    with torch.autocast('cpu', torch.bfloat16):
        assert model(images.float()).dtype == torch.bfloat16
        cast = model(images.float(), samples_of([3, 0, 2]), mode='predict')
    assert all(torch.equal(a.pred_maps, b.pred_maps) for a, b in zip(plain, cast))


@pytest.mark.parametrize('size', [(32, 64), (48, 32)])
@each_network
@torch.no_grad()
def test_maps_follow_the_input_size(
    classifier: Callable, samples_of: Callable, vit: bool, size: tuple[int, int]
) -> None:
    inputs = torch.randn(2, 3, *size).double()
    samples = classifier(dict(type='BagCAMs'), vit)(inputs, samples_of([1, 2]), mode='predict')
    side = 16 if vit else 8
    assert samples[0].pred_maps.shape == (3, size[0] // side, size[1] // side)


@pytest.mark.parametrize(
    ('layer', 'side'), [(0, 16), (1, 8), (-1, 4), ('backbone.middle.0', 8), ('head.hidden', 4)]
)
@torch.no_grad()
def test_any_stage_or_named_layer_can_be_read(
    classifier: Callable, images: Tensor, samples_of: Callable, layer: int | str, side: int
) -> None:
    model = classifier(dict(type='GradCAMPlusPlus', layer=layer))
    samples = model(images, samples_of([3, 0, 2]), mode='predict')
    assert samples[0].pred_maps.shape == (3, side, side)
    assert any(sample.pred_maps.any() for sample in samples)


@torch.no_grad()
def test_ten_views_average_the_scores_and_localize_the_centre(
    classifier: Callable, samples_of: Callable
) -> None:
    model, views = classifier(dict(type='BagCAMs')), torch.randn(2, 10, 3, 32, 32).double()
    ten = model(views, samples_of([1, 3]), mode='predict')
    centre = model(views[:, 4], samples_of([1, 3]), mode='predict')
    scores = model(views.flatten(0, 1)).float().softmax(1).unflatten(0, (2, 10)).mean(1)
    for i in range(2):
        assert torch.equal(ten[i].pred_maps, centre[i].pred_maps)
        torch.testing.assert_close(ten[i].pred_scores, scores[i])


@torch.no_grad()
def test_a_head_whose_own_map_knows_no_class_gives_maps_of_classes(samples_of: Callable) -> None:
    model = Localizer(
        backbone=dict(type='SpatialTokenViT', name='test_vit', img_size=32),
        head=dict(type=SATHead, num_classes=4, in_channels=64, topk=1),
        maps=dict(type='GradCAMPlusPlus'),
    ).eval()
    (sample,) = model(torch.randn(1, 3, 32, 32), samples_of([2]), mode='predict')
    assert sample.map_labels.tolist() == [sample.pred_label.item(), 2] and sample.pred_maps.shape == (2, 2, 2)


@pytest.mark.parametrize(
    ('layer', 'message'),
    [
        ('backbone.last.9', r"no layer 'backbone.last.9'; similar ones: \['backbone.last.*'"),
        (3, 'TinyBackbone has stages 0..2, got the layer 3'),
        ('backbone', "'backbone' puts out tuple; name a layer that puts out one tensor"),
        ('head.fc', r'puts out maps \(N, c, h, w\), or tokens.*; got \(3, 4\) of TinyBackbone'),
    ],
)
def test_unfit_layer_is_refused(
    classifier: Callable, images: Tensor, samples_of: Callable, layer: int | str, message: str
) -> None:
    model = classifier(dict(type='GradCAMPlusPlus', layer=layer))
    with pytest.raises(ValueError, match=message):
        model(images, samples_of([3, 0, 2]), mode='predict')


@pytest.mark.parametrize('runs', [True, False])
@pytest.mark.parametrize('maps', [dict(type='GradCAMPlusPlus'), dict(type='TorchCAM', method='LayerCAM')])
def test_layer_that_the_scores_do_not_read_is_refused(
    classifier: Callable, images: Tensor, samples_of: Callable, maps: dict, runs: bool
) -> None:
    pytest.importorskip('torchcam')
    model = classifier(dict(maps, layer='unused'))
    model.unused = torch.nn.Identity()
    if runs:
        model.extract_feat = lambda inputs: (model.unused(inputs), model.backbone(inputs)[-1])
    with pytest.raises(ValueError, match="the class scores do not depend on 'unused'"):
        model(images, samples_of([3, 0, 2]), mode='predict')


def test_backbone_without_numbered_layers_asks_for_a_name(samples_of: Callable) -> None:
    class Bare(BaseModule):
        def forward(self, x: Tensor) -> tuple[Tensor]:
            return (x,)

    model = Localizer(backbone=dict(type=Bare), head=dict(type='CAMHead', num_classes=4, in_channels=3))
    with pytest.raises(ValueError, match='Bare does not number its layers'):
        GradCAMPlusPlus().predict(model, torch.randn(1, 3, 8, 8), samples_of([2]))


def test_head_of_another_family_is_refused(classifier: Callable, images: Tensor) -> None:
    model = classifier()
    model.head = torch.nn.Identity()
    with pytest.raises(TypeError, match=r'need a head based on LocHead.*got Identity'):
        PostHocMaps().predict(model, images, [])
