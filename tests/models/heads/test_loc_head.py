from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsol.models.heads import CAMHead, LocHead
from mmwsol.structures import LocDataSample

LOGITS = torch.tensor([[0.0, 3.0, 1.0, 2.0], [5.0, 1.0, 2.0, 0.0]])


class FixedHead(LocHead):
    """Given logits; the map of class k is filled with k."""

    def classify(self, pre_logits: Tensor) -> Tensor:
        return LOGITS

    def localize(self, pre_logits: Tensor, labels: Tensor) -> Tensor:
        return labels[:, :, None, None].double().expand(-1, -1, 2, 3)


def predict(labels: list[int] | None, **kwargs) -> list[LocDataSample]:
    samples = [LocDataSample(), LocDataSample()]
    for sample, label in zip(samples, labels or ()):
        sample.gt_label = torch.tensor([label])
    return FixedHead(num_classes=4, **kwargs).predict([torch.zeros(2, 1, 2, 3)], samples)


def kept(samples: list[LocDataSample]) -> list[list[int]]:
    return [sample.map_labels.tolist() for sample in samples]


def test_best_classes_come_first_in_falling_order_then_the_ground_truth() -> None:
    assert kept(predict([0, 3], topk=2)) == [[1, 3, 0], [0, 2, 3]]


def test_ground_truth_map_comes_last_also_when_it_is_among_the_best() -> None:
    assert kept(predict([1, 2], topk=2)) == [[1, 3, 1], [0, 2, 2]]


def test_topk_zero_keeps_the_ground_truth_only() -> None:
    assert kept(predict([0, 3], topk=0)) == [[0], [3]]


def test_topk_zero_without_labels_keeps_the_best_class() -> None:
    assert kept(predict(None, topk=0)) == [[1], [0]]


def test_topk_above_the_number_of_classes_means_all() -> None:
    assert kept(predict([0, 3], topk=80)) == [[1, 3, 2, 0, 0], [0, 2, 1, 3, 3]]


@pytest.mark.parametrize(('labels', 'keep_gt'), [(None, True), ([0, 3], False)])
def test_no_ground_truth_map_without_label_or_wish(labels: list[int] | None, keep_gt: bool) -> None:
    assert kept(predict(labels, topk=2, keep_gt=keep_gt)) == [[1, 3], [0, 2]]


def test_fields_have_the_shapes_and_types_of_the_table() -> None:
    sample = predict([0, 3], topk=2)[0]
    torch.testing.assert_close(sample.pred_scores, LOGITS[0].softmax(0))
    assert sample.pred_label.tolist() == [1] and sample.pred_label.dtype == torch.int64
    assert sample.pred_maps.shape == (3, 2, 3) and sample.pred_maps.dtype == torch.float32
    assert sample.pred_maps[:, 0, 0].tolist() == [1, 3, 0]
    assert sample.map_labels.dtype == torch.int64


def test_loss_is_the_cross_entropy_of_the_labels() -> None:
    samples = predict([1, 0])
    losses = FixedHead(num_classes=4).loss([torch.zeros(2, 1, 2, 3)], samples, backbone=None, inputs=None)
    expected = -(LOGITS[0].log_softmax(0)[1] + LOGITS[1].log_softmax(0)[0]) / 2
    assert list(losses) == ['loss_cls']
    torch.testing.assert_close(losses['loss_cls'], expected)


@pytest.mark.parametrize('kwargs', [dict(num_classes=0), dict(topk=-1), dict(topk=0, keep_gt=False)])
def test_senseless_arguments_are_refused(kwargs: dict) -> None:
    with pytest.raises(ValueError, match='some map must be kept'):
        LocHead(**{'num_classes': 4, **kwargs})


def mixed_samples(shares: list[float]) -> list[LocDataSample]:
    samples = [LocDataSample(), LocDataSample()]
    for sample, label, other, share in zip(samples, (0, 3), (2, 1), shares):
        sample.gt_label, sample.mix_label = torch.tensor([label]), torch.tensor([other])
        sample.mix_weight = torch.tensor([share])
    return samples


def test_loss_of_mixed_images_is_weighted_over_both_labels() -> None:
    loss = FixedHead(num_classes=4).classification_loss(LOGITS, mixed_samples([0.7, 0.7]))
    first, second = (F.cross_entropy(LOGITS, torch.tensor(y)) for y in ([0, 3], [2, 1]))
    torch.testing.assert_close(loss, 0.7 * first + 0.3 * second)


def test_share_of_one_leaves_the_first_label_alone_and_zero_the_second() -> None:
    loss = FixedHead(num_classes=4).classification_loss(LOGITS, mixed_samples([1.0, 0.0]))
    torch.testing.assert_close(loss, F.cross_entropy(LOGITS, torch.tensor([0, 1])))


def test_half_precision_logits_give_a_float32_loss() -> None:
    loss = FixedHead(num_classes=4).classification_loss(LOGITS.bfloat16(), mixed_samples([0.5, 0.5]))
    assert loss.dtype == torch.float32


def test_head_takes_a_trained_classifier_from_a_networks_weights(tmp_path: Path) -> None:
    state = {
        'features.0.weight': torch.zeros(1),
        'classifier.weight': torch.rand(4, 3),
        'classifier.bias': torch.rand(4),
    }
    torch.save(state, tmp_path / 'net.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'net.pth'), rename={'classifier.': 'fc.'})
    head = CAMHead(num_classes=4, in_channels=3, init_cfg=init)
    head.init_weights()
    assert torch.equal(head.fc.weight, state['classifier.weight'])
    too_few = CAMHead(num_classes=5, in_channels=3, init_cfg=init)
    with pytest.raises(ValueError, match=r'does not fit CAMHead.*fc.weight: expected \(5, 3\), got \(4, 3\)'):
        too_few.init_weights()
