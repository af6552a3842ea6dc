from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmwsol.models.post_hoc import TorchCAM

pytest.importorskip('torchcam')


def predicted_maps(model: torch.nn.Module, images: Tensor, samples: list) -> Tensor:
    """Maps (N, C, h, w) of a batch, in a test loop's ``no_grad``."""
    with torch.no_grad():
        return torch.stack([sample.pred_maps for sample in model(images, samples, mode='predict')])


@pytest.mark.parametrize('method', ['GradCAM', 'XGradCAM', 'LayerCAM'])
def test_behind_pooling_and_a_linear_layer_gradient_maps_are_cam(
    classifier: Callable, images: Tensor, samples_of: Callable, method: str
) -> None:
    """The gradient is w / (h w) everywhere: relu(CAM) / (h w); LayerCAM takes positive weights only."""
    labels = [3, 0, 2]
    model = classifier(dict(type='TorchCAM', method=method))
    if method == 'LayerCAM':
        model.head.fc.weight.data.abs_()
    own = model.head.predict(model.extract_feat(images), samples_of(labels))
    cam = torch.stack([sample.pred_maps for sample in own]).detach()
    maps = predicted_maps(model, images, samples_of(labels))
    torch.testing.assert_close(maps * 16, cam.relu(), rtol=1e-4, atol=1e-6)
    assert maps.any()


def test_cam_is_the_map_of_the_cam_head(classifier: Callable, images: Tensor, samples_of: Callable) -> None:
    torch.testing.assert_close(
        predicted_maps(classifier(dict(type='TorchCAM', method='CAM')), images, samples_of([3, 0, 2])),
        predicted_maps(classifier(), images, samples_of([3, 0, 2])),
    )


@pytest.mark.parametrize('form', ['linear', 'conv'])
def test_cam_reads_the_heads_own_convolutions_where_it_has_some(
    classifier: Callable, images: Tensor, samples_of: Callable, form: str
) -> None:
    options = dict(form=form, hidden_channels=(10, 10))  # as many as the backbone has
    cam, own = classifier(dict(type='TorchCAM', method='CAM'), **options), classifier(**options)
    maps, expected = (predicted_maps(model, images, samples_of([3, 0, 2])) for model in (cam, own))
    bias = own.head.fc.bias if form == 'conv' else torch.zeros(4)
    labels = [sample.map_labels for sample in own(images, samples_of([3, 0, 2]), mode='predict')]
    torch.testing.assert_close(maps, expected - bias[torch.stack(labels)][:, :, None, None].float())


@pytest.mark.parametrize('method', ['GradCAM', 'XGradCAM', 'LayerCAM', 'ScoreCAM'])
def test_layer_in_front_of_one_that_works_in_place_keeps_its_own_output(
    classifier: Callable, images: Tensor, samples_of: Callable, method: str
) -> None:
    maps = []
    for inplace in (False, True):
        model = classifier(dict(type='TorchCAM', method=method, layer='head.hidden.0'), hidden_channels=(6,))
        model.head.hidden[1].inplace = inplace
        maps.append(predicted_maps(model, images, samples_of([3, 0, 2])))
    torch.testing.assert_close(*maps)


def test_score_cam_equals_masking_channel_by_channel(
    classifier: Callable, images: Tensor, samples_of: Callable
) -> None:
    model, labels = classifier(dict(type='TorchCAM', method='ScoreCAM', batch_size=7), topk=0), [3, 0, 2]
    maps = predicted_maps(model, images, samples_of(labels))
    for image, label, map_ in zip(images, labels, maps[:, 0]):
        with torch.no_grad():
            (features,) = model.backbone(image[None])
            scores = []
            for channel in features[0]:
                mask = (channel - channel.min()) / (channel.max() - channel.min() + 1e-8)
                mask = torch.nn.functional.interpolate(mask[None, None], image.shape[1:], mode='bilinear')
                scores.append(model(image[None] * mask)[0, label])
        weights = torch.stack(scores).softmax(0)
        expected = torch.einsum('c,chw->hw', weights, features[0]).relu()
        torch.testing.assert_close(map_, expected.float(), rtol=1e-4, atol=1e-6)


def test_score_cam_with_one_channel_is_that_channel(
    classifier: Callable, images: Tensor, samples_of: Callable
) -> None:
    model = classifier(dict(type='TorchCAM', method='ScoreCAM', layer='backbone.tap'), topk=0)
    model.backbone.tap = torch.nn.Identity()
    plain = model.extract_feat
    model.extract_feat = lambda inputs: [model.backbone.tap(plain(inputs)[0][:, :1]).expand(-1, 10, -1, -1)]
    features = model.backbone(images)[0][:, :1]
    torch.testing.assert_close(
        predicted_maps(model, images, samples_of([3, 0, 2])), features.relu().detach().float()
    )


def test_patch_tokens_become_a_map_in_reading_order(
    classifier: Callable, images: Tensor, samples_of: Callable
) -> None:
    """LayerCAM of a classifier that pools patch tokens, against its gradients by hand."""
    model = classifier(dict(type='TorchCAM', method='LayerCAM', layer='backbone.net.norm'), vit=True, topk=0)
    model.head.pre_logits = lambda feats: type(
        'Pooled', (), dict(token=(feats[-1] ** 2).mean((2, 3)))
    )  # depends on where a patch is bright
    maps = predicted_maps(model, images, samples_of([3, 0, 2]))
    patches = model.backbone(images)[-1].detach()
    weight = model.head.fc.weight[[3, 0, 2]][:, :, None, None]
    expected = ((weight * 2 * patches / 4).relu() * patches).sum(1, keepdim=True).relu()
    torch.testing.assert_close(maps, expected.detach().float(), rtol=1e-4, atol=1e-6)


def test_gradient_of_a_stage_is_that_of_entering_the_backbone_there(
    classifier: Callable, images: Tensor, samples_of: Callable
) -> None:
    model = classifier(dict(type='TorchCAM', method='GradCAM', layer=1), topk=0)
    maps = predicted_maps(model, images, samples_of([3, 0, 2]))
    features = model.backbone(images, stop=2)[-1].detach().requires_grad_()
    logits = model.head(model.backbone(features, start=2))
    (gradients,) = torch.autograd.grad(logits.gather(1, torch.tensor([[3], [0], [2]])).sum(), features)
    expected = (gradients.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True).relu()
    torch.testing.assert_close(maps, expected.detach().float(), rtol=1e-4, atol=1e-7)


def test_cam_of_a_classifier_that_is_not_linear_is_refused(
    classifier: Callable, images: Tensor, samples_of: Callable
) -> None:
    model = classifier(dict(type='TorchCAM', method='CAM', fc_layer='backbone.last.0'))
    with pytest.raises(ValueError, match=r"'backbone.last.0' of CAMHead is none; .* method='GradCAM'"):
        model(images, samples_of([3, 0, 2]), mode='predict')


def test_other_methods_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got 'GradCAMpp'; Grad-CAM.. is dict"):
        TorchCAM('GradCAMpp')


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'torchcam', None)
    with pytest.raises(ImportError, match=r"pip install 'mmwsol\[maps\]'"):
        TorchCAM('GradCAM')
