from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from mmwsol.models.heads import ClassTokenHead
from mmwsol.models.localizers import Localizer


def build(**backbone) -> Localizer:
    backbone = (
        dict(type='ViTBackbone', name='test_vit', img_size=64, return_class_token=True, attention='test')
        | backbone
    )
    return Localizer(
        backbone=backbone, head=dict(type='ClassTokenHead', num_classes=7, in_channels=64)
    ).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_logits_are_those_of_the_whole_network(images: Tensor) -> None:
    model, net = build(), timm.create_model('test_vit', img_size=64, num_classes=7).eval()
    model.backbone.net.load_state_dict(net.state_dict(), strict=False)
    model.head.fc.load_state_dict(net.head.state_dict())
    torch.testing.assert_close(model(images), net(images), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_map_is_the_sum_of_the_class_tokens_attention(images: Tensor, samples_of: Callable) -> None:
    model = build()
    rows = model.backbone(images)[0]
    samples = model(images, samples_of([1, 6]), mode='predict')
    for i, sample in enumerate(samples):
        assert sample.map_labels.tolist() == [-1]
        torch.testing.assert_close(sample.pred_maps[0].flatten(), rows[i].sum(0)[1:])
    model.head.last_n = 2
    (last, _) = model(images, samples_of([1, 6]), mode='predict')
    torch.testing.assert_close(last.pred_maps[0].flatten(), rows[0, -2:].sum(0)[1:])


def test_without_attention_only_its_own_map_is_missing(images: Tensor, samples_of: Callable) -> None:
    model = build(attention='none')
    assert model(images).shape == (2, 7)
    with pytest.raises(ValueError, match=r"set backbone\.attention='test' or 'rollout'"):
        model(images, samples_of([1, 6]), mode='predict')


def test_backbone_without_class_token_is_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match=r'needs a class token \(N, D\).* got 1 features'):
        build(return_class_token=False, attention='none')(images)
    with pytest.raises(ValueError, match='last_n must be at least 1, got 0'):
        ClassTokenHead(num_classes=7, in_channels=64, last_n=0)


@torch.no_grad()
def test_published_weights_classify_as_timms_network(shared_dir: Path, images: Tensor) -> None:
    file = shared_dir / 'weights' / 'deit_tiny_patch16_224.pth'
    if not file.is_file():
        pytest.skip(f'needs {file}')
    weights = dict(type='Pretrained', checkpoint=str(file))
    model = Localizer(
        backbone=dict(
            type='ViTBackbone', name='deit_tiny_patch16_224', return_class_token=True, init_cfg=weights
        ),
        head=dict(
            type='ClassTokenHead',
            num_classes=1000,
            in_channels=192,
            init_cfg=dict(weights, rename={'head.': 'fc.'}),
        ),
    ).eval()
    model.init_weights()
    net = timm.create_model('deit_tiny_patch16_224').eval()
    net.load_state_dict(torch.load(file, weights_only=True)['model'])
    images = torch.nn.functional.interpolate(images, 224)
    torch.testing.assert_close(model(images), net(images), rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_keys_in_front_of_the_class_token_are_no_attention(images: Tensor, samples_of: Callable) -> None:
    with pytest.raises(ValueError, match=r"set backbone\.attention='test'"):
        build(keys=True, attention='none')(images, samples_of([1, 6]), mode='predict')
