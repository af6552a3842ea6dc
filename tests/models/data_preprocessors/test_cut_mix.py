from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmwsol.models.data_preprocessors import CutMix, LocDataPreprocessor, cut_mix
from mmwsol.models.data_preprocessors.cut_mix import draw_box
from mmwsol.registry import MODELS
from mmwsol.structures import stack_mix_labels


@pytest.mark.parametrize('size', [(20, 20), (12, 17)])
def test_weight_is_the_share_of_pixels_that_stayed_and_the_rest_is_the_other_image(
    samples_of: Callable, size: tuple[int, int]
) -> None:
    torch.manual_seed(2)
    np.random.seed(2)
    labels = [5, 6, 7, 8]
    for _ in range(10):
        images = torch.tensor(labels).float()[:, None, None, None].expand(4, 3, *size).clone()
        mixed, samples = CutMix()(images, samples_of(labels))
        for image, sample in zip(mixed, samples):
            other = sample.mix_label.item()
            assert set(image.unique().tolist()) <= {sample.gt_label.item(), other}
            if other != sample.gt_label.item():
                own = (image == sample.gt_label.item()).float().mean().item()
                assert own == pytest.approx(sample.mix_weight.item())


def test_whole_batch_has_one_box(samples_of: Callable) -> None:
    np.random.seed(0)
    images = torch.arange(6.0)[:, None, None, None].expand(6, 1, 16, 16).clone()
    mixed, samples = CutMix()(images, samples_of(range(6)))
    pasted = [mixed[i, 0] != i for i in range(6) if samples[i].mix_label.item() != i]
    assert pasted and all(torch.equal(mask, pasted[0]) for mask in pasted)


def test_box_is_clipped_and_its_side_is_the_root_of_the_share() -> None:
    np.random.seed(0)
    whole = 0
    for _ in range(50):
        top, bottom, left, right = draw_box(40, 30, 0.75)  # half of each side, 20 x 15 -> 20 x 14
        assert 0 <= top <= bottom <= 40 and 0 <= left <= right <= 30
        rows, columns = 20, 14
        assert bottom - top == rows or (bottom - top < rows and (top == 0 or bottom == 40))
        assert right - left == columns or (right - left < columns and (left == 0 or right == 30))
        whole += (bottom - top, right - left) == (rows, columns)
    assert whole > 5


@pytest.mark.parametrize('loss_of', ['CAMHead', 'ACoLHead'])
def test_share_of_one_is_the_plain_loss(
    samples_of: Callable, monkeypatch: pytest.MonkeyPatch, loss_of: str
) -> None:
    monkeypatch.setattr(np.random, 'beta', lambda a, b: 1.0)
    head = MODELS.build(dict(type=loss_of, num_classes=4, in_channels=3))
    images = torch.randn(3, 3, 8, 8)
    mixed, samples = CutMix()(images.clone(), samples_of([0, 3, 1]))
    assert torch.equal(mixed, images) and [s.mix_weight.item() for s in samples] == [1, 1, 1]
    plain = head.loss([images], samples_of([0, 3, 1]))
    for key, value in head.loss([mixed], samples).items():
        torch.testing.assert_close(value, plain[key])


def test_probability_of_zero_never_mixes(samples_of: Callable) -> None:
    images = torch.randn(2, 3, 8, 8)
    mixed, samples = CutMix(prob=0.0)(images, samples_of([0, 1]))
    assert mixed is images and stack_mix_labels(samples) is None


def test_probability_is_the_share_of_mixed_batches(samples_of: Callable) -> None:
    np.random.seed(0)
    mixed = [CutMix(prob=0.3)(torch.zeros(2, 1, 4, 4), samples_of([0, 1]))[1] for _ in range(300)]
    assert np.mean(['mix_label' in samples[0] for samples in mixed]) == pytest.approx(0.3, abs=0.06)


def test_all_processes_mix_in_the_same_iterations_but_not_the_same_boxes(
    samples_of: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut_mix, 'is_distributed', lambda: True)

    def weights(rank: int) -> list[float | None]:
        np.random.seed(rank)
        monkeypatch.setattr(cut_mix, 'common_draw', iter(np.random.default_rng(3).random(40)).__next__)
        batches = [CutMix(prob=0.5)(torch.zeros(2, 1, 16, 16), samples_of([0, 1]))[1] for _ in range(40)]
        return [batch[0].mix_weight.item() if 'mix_weight' in batch[0] else None for batch in batches]

    first, second = weights(0), weights(1)
    assert first != second
    mixed = [weight is not None for weight in first]
    assert 10 < sum(mixed) < 30 and mixed == [weight is not None for weight in second]


HEADS = {
    'CAMHead': dict(in_channels=10),
    'ACoLHead': dict(in_channels=10, hidden_channels=4),
    'SPGHead': dict(in_channels=10, early_channels=(8, 10), branch_channels=4),
    'BASHead': dict(in_channels=10, split_channels=8, split_stage=2, hidden_channels=4),
}


@pytest.mark.parametrize('name', HEADS)
def test_classification_loss_of_a_head_reads_both_labels_by_config_alone(
    tiny_backbone: type, samples_of: Callable, name: str
) -> None:
    torch.manual_seed(1)
    preprocessor = LocDataPreprocessor(batch_augments=[dict(type='CutMix', beta=1.0, prob=1.0)])
    head = MODELS.build(dict(type=name, num_classes=4, **HEADS[name]))
    backbone = tiny_backbone()
    data = {
        'inputs': torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8),
        'data_samples': samples_of([0, 1, 2, 3]),
    }
    batch = preprocessor(data, training=True)
    images, samples = batch['inputs'], batch['data_samples']
    feats = backbone(images)
    losses = head.loss(feats, samples, backbone=backbone, inputs=images)
    logits, share = head(feats), samples[0].mix_weight.item()
    first, second = (
        F.cross_entropy(logits, torch.cat([sample.get(key) for sample in samples]))
        for key in ('gt_label', 'mix_label')
    )
    assert 0 < share < 1
    torch.testing.assert_close(losses['loss_cls'], share * first + (1 - share) * second)
    assert all(loss.isfinite() for loss in losses.values())


def test_preprocessor_does_not_mix_at_test_time(samples_of: Callable) -> None:
    preprocessor = LocDataPreprocessor(batch_augments=[dict(type='CutMix')])
    data = {'inputs': torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 'data_samples': samples_of([0, 1])}
    assert stack_mix_labels(preprocessor(data)['data_samples']) is None


@pytest.mark.parametrize('wrong', [dict(beta=0.0), dict(prob=1.5)])
def test_values_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r'beta > 0 and prob in \[0, 1\]'):
        CutMix(**wrong)
