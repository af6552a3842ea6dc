from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmwsol.models.heads import SATHead


def build(**kwargs) -> SATHead:
    torch.manual_seed(0)
    return SATHead(**{'num_classes': 6, 'in_channels': 8, 'topk': 2, **kwargs}).eval()


@pytest.fixture
def feats() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(2, 3, 4, 5), torch.randn(2, 8, 4, 5)


def test_map_is_class_agnostic_and_the_mean_of_the_masks(
    feats: tuple[Tensor, Tensor], samples_of: Callable
) -> None:
    samples = build().predict(feats, samples_of([4, 1]))
    assert [sample.map_labels.tolist() for sample in samples] == [[-1], [-1]]
    torch.testing.assert_close(torch.stack([s.pred_maps[0] for s in samples]), feats[0].mean(1))


def test_logits_are_the_mean_of_the_dense_classifier(feats: tuple[Tensor, Tensor]) -> None:
    head = build()
    torch.testing.assert_close(head(feats), head.semantic(feats[1]).mean((2, 3)))


def test_dense_maps_of_the_classes_are_an_option(feats: tuple[Tensor, Tensor], samples_of: Callable) -> None:
    head = build(semantic_maps=True)
    samples = head.predict(feats, samples_of([4, 1]))
    assert [sample.map_labels.tolist()[-1] for sample in samples] == [4, 1]
    torch.testing.assert_close(samples[0].pred_maps[-1], head.semantic(feats[1])[0, 4])


def test_losses_are_those_of_the_fused_map(feats: tuple[Tensor, Tensor], samples_of: Callable) -> None:
    losses = build(loss_area=dict(type='BatchAreaLoss', target=0.1)).loss(feats, samples_of([4, 1]))
    assert set(losses) == {'loss_cls', 'loss_area', 'loss_norm'}
    assert losses['loss_area'].item() == pytest.approx(feats[0].mean().item() - 0.1)


def test_other_backbones_are_refused(feats: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ValueError, match=r'got 1 features; use backbone\.type=SpatialTokenViT'):
        build()(feats[1:])
