from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from mmengine.logging import MessageHub
from torch import Tensor

from mmwsol.models.heads import CAMHead, DAWSOLHead
from mmwsol.registry import MODELS

CLASSES, CHANNELS = 4, 6
LABELS = [0, 1, 0, 3]
NO_WEIGHT = dict(
    loss_da=dict(type='MMDLoss', loss_weight=0.0), loss_universum=dict(type='UniversumLoss', loss_weight=0.0)
)


def build(**kwargs) -> DAWSOLHead:
    torch.manual_seed(0)
    return DAWSOLHead(
        **{'num_classes': CLASSES, 'in_channels': CHANNELS, 'assigner': dict(num_samples=5), **kwargs}
    )


@pytest.fixture
def features() -> Tensor:
    """Background near 0, and an object in two strengths."""
    generator = torch.Generator().manual_seed(0)
    kind = torch.randint(3, (len(LABELS), 1, 8, 8), generator=generator)
    return (torch.randn(len(LABELS), CHANNELS, 8, 8, generator=generator) * 0.3 + 2 * kind).relu()


@pytest.fixture
def hub() -> Iterator[MessageHub]:
    """Of a training loop that runs."""
    hub = MessageHub.get_instance('test_dawsol_head')
    hub.update_info('loop_stage', 'train')
    yield hub
    hub.pop_info('loop_stage')


def twin_of(head: DAWSOLHead) -> CAMHead:
    cam = CAMHead(CLASSES, CHANNELS, form='conv')
    cam.load_state_dict({k: v for k, v in head.state_dict().items() if k.startswith('fc')})
    return cam


def test_logits_maps_and_predictions_are_cams(features: Tensor, samples_of: Callable) -> None:
    head = build().eval()
    cam = twin_of(head).eval()
    torch.testing.assert_close(head([features]), cam([features]))
    for ours, theirs in zip(*(h.predict([features], samples_of(LABELS)) for h in (head, cam))):
        torch.testing.assert_close(ours.pred_maps, theirs.pred_maps)
        torch.testing.assert_close(ours.pred_scores, theirs.pred_scores)


def test_weights_of_zero_make_it_cam(features: Tensor, samples_of: Callable) -> None:
    head = build(**NO_WEIGHT)
    ours = sum(head.loss([features], samples_of(LABELS)).values())
    theirs = sum(twin_of(head).loss([features], samples_of(LABELS)).values())
    torch.testing.assert_close(ours, theirs)
    assert head.assigner.universum_count == 0


def test_losses_are_those_of_the_assigned_samples(features: Tensor, samples_of: Callable) -> None:
    head, other = build(), build()
    torch.manual_seed(5)
    losses = head.loss([features], samples_of(LABELS))
    torch.manual_seed(5)
    samples = other.assigner(features, torch.tensor(LABELS))
    background = samples.groups == 0
    assert samples.accepted.all() and background.any()
    discrepancy = MODELS.build(dict(type='MMDLoss'))(samples.source, samples.target)
    torch.testing.assert_close(losses['loss_da'], 0.3 * discrepancy)
    torch.testing.assert_close(losses['loss_universum'], 2.0 * features.movedim(1, 3)[background].mean())


def test_warm_up_trains_the_classifier_alone(features: Tensor, samples_of: Callable, hub: MessageHub) -> None:
    head = build(warmup_epochs=2)
    for epoch, adapts in ((0, False), (1, False), (2, True)):
        hub.update_info('epoch', epoch)
        losses = head.loss([features], samples_of(LABELS))
        assert set(losses) == {'loss_cls', 'loss_da', 'loss_universum'}
        assert (losses['loss_universum'] > 0) == adapts
        assert head.assigner.universum_count == (len(LABELS) if adapts else 0)


@pytest.mark.parametrize(('epochs', 'warns'), [(1, True), (2, False)])
def test_loop_without_an_epoch_behind_the_warm_up_is_warned_of(
    features: Tensor, samples_of: Callable, hub: MessageHub, epochs: int, warns: bool
) -> None:
    hub.update_info_dict(dict(epoch=0, max_epochs=epochs))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter('always')
        build().loss([features], samples_of(LABELS))
    assert any('never adapts' in str(warning.message) for warning in found) == warns


def test_batch_without_an_accepted_image_trains_without_nan(features: Tensor, samples_of: Callable) -> None:
    head = build(assigner=dict(num_samples=32))
    features.requires_grad_()
    losses = head.loss([features], samples_of(LABELS))
    sum(losses.values()).backward()
    assert losses['loss_da'] == 0 and features.grad.isfinite().all() and features.grad.any()


def test_hidden_convolutions_adapt_the_features_in_front_of_the_classifier(
    features: Tensor, samples_of: Callable
) -> None:
    head = build(hidden_channels=(7,), dropout=0.5)
    assert head.assigner.class_anchors.shape == (CLASSES, 7)
    losses = head.loss([features], samples_of(LABELS))
    losses['loss_universum'].backward()
    assert head.hidden[1].weight.grad.any() and head.fc.weight.grad is None


def test_domain_classifier_is_the_alternative_to_the_mmd(features: Tensor, samples_of: Callable) -> None:
    head = build(loss_da=dict(type='DomainAdversarialLoss', in_channels=CHANNELS, loss_weight=0.5))
    head.loss([features], samples_of(LABELS))['loss_da'].backward()
    assert head.loss_da.classifier.weight.grad.any()


def test_mixed_images_are_assigned_by_both_labels_and_their_losses_weighted(
    features: Tensor, samples_of: Callable
) -> None:
    head, first, second = build(), build(), build()
    samples = samples_of(LABELS)
    for sample, label in zip(samples, [3, 2, 1, 0]):
        sample.mix_label, sample.mix_weight = torch.tensor([label]), torch.tensor([0.75])
    torch.manual_seed(5)
    losses = head.loss([features], samples)
    torch.manual_seed(5)
    one = first.adaptation_losses(features, torch.tensor(LABELS))
    second.assigner.load_state_dict(first.assigner.state_dict())
    other = second.adaptation_losses(features, torch.tensor([3, 2, 1, 0]))
    for name in ('loss_da', 'loss_universum'):
        torch.testing.assert_close(losses[name], 0.75 * one[name] + 0.25 * other[name])
    torch.testing.assert_close(head.assigner.class_anchors, second.assigner.class_anchors)
    assert head.assigner.universum_count == 2 * len(LABELS)


def test_half_precision_under_autocast_gives_float32_losses(features: Tensor, samples_of: Callable) -> None:
    head = build()
    features.requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = head.loss([features.bfloat16()], samples_of(LABELS))
    sum(losses.values()).backward()
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
    assert features.grad.isfinite().all()


def test_anchors_are_part_of_the_checkpoint() -> None:
    names = {'class_anchors', 'class_counts', 'universum_anchor', 'universum_count'}
    assert {f'assigner.{name}' for name in names} <= set(build().state_dict())


def test_other_forms_are_refused() -> None:
    with pytest.raises(ValueError, match="leave form out or set form='conv'"):
        build(form='linear')
