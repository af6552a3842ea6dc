from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsol.models.data_preprocessors import CutMix
from mmwsol.models.heads import FullySupervisedHead
from mmwsol.models.heads.fully_supervised_head import location_masks, mask_loss


@pytest.fixture
def head() -> FullySupervisedHead:
    torch.manual_seed(0)
    return FullySupervisedHead(num_classes=3, in_channels=5)


@pytest.fixture
def boxed(samples_of: Callable) -> list:
    samples = samples_of([0, 2])
    samples[0].gt_bboxes = torch.tensor([[1.0, 2.0, 4.0, 6.0]])
    samples[1].gt_bboxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 9.0, 3.0]])
    return samples


def test_boxes_are_filled_from_their_first_pixel_to_one_before_their_end(boxed: list) -> None:
    masks = location_masks(boxed, (7, 8))
    expected = torch.zeros(2, 7, 8, dtype=torch.uint8)
    expected[0, 2:6, 1:4] = 1
    expected[1, :2, :2] = 1
    expected[1, 1:3, 1:] = 1
    assert torch.equal(masks, expected)


def test_masks_come_before_boxes(boxed: list) -> None:
    for sample in boxed:
        sample.gt_mask = torch.randint(0, 2, (7, 8), dtype=torch.uint8)
    assert torch.equal(location_masks(boxed, (7, 8))[1], boxed[1].gt_mask)


def test_gradient_of_the_scores_reaches_the_feature_in_tests_alone(head: FullySupervisedHead) -> None:
    feature = torch.randn(2, 5, 4, 4, requires_grad=True)
    head.train().classify(feature).sum().backward()
    assert feature.grad is None
    head.eval().classify(feature).sum().backward()  # post-hoc maps are made of it
    assert feature.grad.abs().sum() > 0


def test_mixed_images_are_refused(head: FullySupervisedHead, boxed: list) -> None:
    images, mixed = CutMix()(torch.zeros(2, 3, 8, 8), boxed)
    with pytest.raises(ValueError, match="which CutMix doesn't paste"):
        head.loss([torch.zeros(2, 5, 4, 4)], mixed, inputs=images)


def test_masks_for_only_some_images_of_a_batch_are_refused(boxed: list) -> None:
    boxed[0].gt_mask = torch.zeros(7, 8, dtype=torch.uint8)
    boxed[1].set_metainfo(dict(img_path='bird.jpg'))
    with pytest.raises(ValueError, match=r'bird\.jpg has no gt_mask, but other images'):
        location_masks(boxed, (7, 8))


def test_image_without_a_location_is_named_with_what_to_do(boxed: list) -> None:
    boxed[1].set_metainfo(dict(img_path='bird.jpg'))
    del boxed[1].gt_bboxes
    with pytest.raises(ValueError, match=r'bird\.jpg has neither .*type=FullySupervised'):
        location_masks(boxed, (7, 8))


def test_loss_is_the_pixelwise_entropy_at_equal_size_without_the_ignored() -> None:
    torch.manual_seed(0)
    logits, masks = torch.randn(2, 4, 6), torch.randint(0, 2, (2, 4, 6), dtype=torch.uint8)
    masks[0, :2] = 255
    kept = masks != 255
    expected = F.binary_cross_entropy_with_logits(logits[kept], masks[kept].float())
    torch.testing.assert_close(mask_loss(logits, masks), expected)


def test_cell_learns_the_share_of_object_among_what_is_not_ignored() -> None:
    mask = torch.tensor([[[1, 0, 255, 255], [0, 0, 1, 255]]], dtype=torch.uint8)
    logits = torch.tensor([[[0.3, -0.7]]])
    entropy = F.binary_cross_entropy_with_logits(logits[0, 0], torch.tensor([0.25, 1.0]), reduction='none')
    torch.testing.assert_close(mask_loss(logits, mask), (entropy[0] * 1 + entropy[1] * 0.25) / 1.25)
    assert mask_loss(logits, torch.full_like(mask, 255)) == 0


def test_map_is_one_probability_of_no_class_at_any_size(
    head: FullySupervisedHead, samples_of: Callable
) -> None:
    feature = torch.randn(2, 5, 3, 7)
    for sample in head.predict([feature], samples_of([0, 1])):
        assert sample.map_labels.tolist() == [-1] and sample.pred_maps.shape == (1, 3, 7)
        assert sample.pred_maps.min() > 0 and sample.pred_maps.max() < 1
        assert sample.pred_scores.shape == (3,)


def test_masks_alone_train_the_features(head: FullySupervisedHead, boxed: list) -> None:
    feature = torch.randn(2, 5, 4, 4, requires_grad=True)
    losses = head.loss([feature], boxed, inputs=torch.zeros(2, 3, 8, 8))
    losses['loss_cls'].backward(retain_graph=True)
    assert feature.grad is None and head.fc.weight.grad.any()
    losses['loss_mask'].backward()
    assert feature.grad.any() and head.foreground.weight.grad.any()


def test_half_precision_gives_float32_losses(head: FullySupervisedHead, boxed: list) -> None:
    feature: Tensor = torch.randn(2, 5, 4, 4).bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        losses = head.loss([feature], boxed, inputs=torch.zeros(2, 3, 8, 8))
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
