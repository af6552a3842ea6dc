from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsol.models.heads import ACoLHead, CAMHead

CLASSES = 4


@pytest.fixture
def features() -> Tensor:
    return torch.randn(3, 5, 6, 7, generator=torch.Generator().manual_seed(0)).relu()


def build(**kwargs) -> ACoLHead:
    torch.manual_seed(1)
    return ACoLHead(CLASSES, 5, hidden_channels=8, **kwargs)


def scaled(image: Tensor) -> Tensor:
    return (image - image.min()) / (image.max() - image.min())


def published(head: ACoLHead, feature: Tensor, label: int) -> tuple[Tensor, Tensor, Tensor]:
    """One image: logits of A, logits of B, map, with every class map computed."""
    if not isinstance(head.smooth, torch.nn.Identity):
        feature = F.avg_pool2d(feature[None], 3, 1, 1)[0]
    maps_a = head.classifier_a(feature[None])[0]
    attention = scaled(maps_a[label])
    maps_b = head.classifier_b((feature * (attention < head.threshold))[None])[0]
    both = torch.maximum(attention, scaled(maps_b[label]))
    return maps_a.mean((1, 2)), maps_b.mean((1, 2)), both


@pytest.mark.parametrize('smooth', [False, True])
def test_loss_and_maps_equal_the_published_procedure(
    features: Tensor, samples_of: Callable, smooth: bool
) -> None:
    head, labels = build(smooth=smooth), [2, 0, 3]
    rows = [published(head, image, label) for image, label in zip(features, labels)]
    logits_a, logits_b, maps = (torch.stack(part) for part in zip(*rows))
    losses = head.loss([features], samples_of(labels))
    torch.testing.assert_close(losses['loss_cls'], F.cross_entropy(logits_a, torch.tensor(labels)))
    torch.testing.assert_close(losses['loss_cls_b'], F.cross_entropy(logits_b, torch.tensor(labels)))
    torch.testing.assert_close(head([features]), logits_a)
    ours = head.localize(head.pre_logits([features]), torch.tensor(labels)[:, None])[:, 0]
    torch.testing.assert_close(ours, maps)


def test_map_of_each_kept_class_erases_with_its_own_attention(features: Tensor, samples_of: Callable) -> None:
    head = build(topk=2)
    for image, sample in zip(features, head.predict([features], samples_of([1, 1, 1]))):
        for label, own in zip(sample.map_labels.tolist(), sample.pred_maps):
            torch.testing.assert_close(own, published(head, image, label)[2])


def cam_of_branch(head: ACoLHead, name: str) -> CAMHead:
    """CAM in its convolutional form with the weights of one of the two classifiers."""
    cam = CAMHead(CLASSES, 5, form='conv', hidden_channels=(8, 8))
    ours = getattr(head, name).state_dict()
    cam.load_state_dict(
        {f'hidden.{k}' if k[0] != '4' else k.replace('4', 'fc', 1): v for k, v in ours.items()}
    )
    return cam


def test_threshold_above_1_is_cam_on_both_branches(features: Tensor, samples_of: Callable) -> None:
    head, labels = build(threshold=1.01), [2, 0, 3]
    for name, loss in (('classifier_a', 'loss_cls'), ('classifier_b', 'loss_cls_b')):
        expected = cam_of_branch(head, name).loss([features], samples_of(labels))['loss_cls']
        torch.testing.assert_close(head.loss([features], samples_of(labels))[loss], expected)


@pytest.mark.parametrize('threshold', [1.0, 0.1])
def test_branch_a_is_cam_at_threshold_1_and_any_other(
    features: Tensor, samples_of: Callable, threshold: float
) -> None:
    head, labels = build(threshold=threshold), [2, 0, 3]
    cam = cam_of_branch(head, 'classifier_a')
    torch.testing.assert_close(head([features]), cam([features]))
    ours, theirs = (h.loss([features], samples_of(labels))['loss_cls'] for h in (head, cam))
    torch.testing.assert_close(ours, theirs)
    ours.backward()
    theirs.backward()
    torch.testing.assert_close(head.classifier_a[0].weight.grad, cam.hidden[0].weight.grad)


def test_threshold_1_hides_the_peak_alone_from_b(features: Tensor, samples_of: Callable) -> None:
    head, labels = build(threshold=1.0), torch.tensor([2, 0, 3])
    maps = head.classifier_a(features)[torch.arange(3), labels].flatten(1)
    erased = features.flatten(2).clone()
    erased[torch.arange(3), :, maps.argmax(1)] = 0
    expected = F.cross_entropy(head.classifier_b(erased.view_as(features)).mean((2, 3)), labels)
    torch.testing.assert_close(head.loss([features], samples_of([2, 0, 3]))['loss_cls_b'], expected)


def test_gradient_of_b_does_not_pass_through_the_attention(features: Tensor, samples_of: Callable) -> None:
    head = build(threshold=0.5)
    head.loss([features], samples_of([0, 1, 2]))['loss_cls_b'].backward()
    assert all(p.grad is None for p in head.classifier_a.parameters())
    assert all(p.grad.any() for p in head.classifier_b.parameters())


def test_constant_feature_gives_finite_maps_and_losses(samples_of: Callable) -> None:
    head, feature = build(), torch.zeros(2, 5, 1, 1)
    samples = head.predict([feature], samples_of([0, 1]))
    assert all(sample.pred_maps.isfinite().all() for sample in samples)
    assert all(loss.isfinite() for loss in head.loss([feature], samples_of([0, 1])).values())


def test_bf16_autocast_trains_every_parameter(features: Tensor, samples_of: Callable) -> None:
    head = build(threshold=0.6)
    with torch.autocast('cpu', torch.bfloat16):
        losses = head.loss([features], samples_of([0, 1, 2]))
        maps = head.predict([features], samples_of([0, 1, 2]))[0].pred_maps
    sum(losses.values()).backward()
    assert maps.dtype == torch.float32 and all(loss.dtype == torch.float32 for loss in losses.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())


def test_negative_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match='threshold must not be negative'):
        build(threshold=-0.1)
