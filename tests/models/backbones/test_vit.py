from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from mmwsol.models.backbones import ViTBackbone

TINY = dict(name='deit_tiny_patch16_224', embed_dim=24, depth=3, num_heads=3, img_size=64)


def build(**kwargs) -> ViTBackbone:
    torch.manual_seed(0)
    return ViTBackbone(**{**TINY, **kwargs}).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 64, 64)


def explicit_rows(backbone: ViTBackbone, images: Tensor) -> Tensor:
    """Class token rows (N, blocks, L) from timm's own attention without fusion, caught behind its softmax."""
    caught: list[Tensor] = []
    for block in backbone.net.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, __, matrix: caught.append(matrix.mean(1)[:, 0]))
    backbone.net.forward_features(images)
    return torch.stack(caught, dim=1)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('deit_tiny_patch16_224', {}),
        ('deit_tiny_distilled_patch16_224', {}),
        ('deit3_small_patch16_224', {}),  # position embedding without class token, layer scale
        ('vit_tiny_patch16_224', {}),
        ('vit_small_patch14_dinov2', dict(img_size=70)),
        ('vit_small_patch14_reg4_dinov2', dict(img_size=70)),
        ('test_vit2', {}),  # pooled by mean
        ('test_vit3', {}),  # pooled by attention
    ],
)
def test_patch_map_is_that_of_timm(name: str, options: dict) -> None:
    backbone = build(**{**TINY, 'name': name, **options})
    side = options.get('img_size', 64)
    images = torch.randn(2, 3, side, side)
    tokens = backbone.net.forward_features(images)[:, backbone.net.num_prefix_tokens :]
    (feature,) = backbone(images)
    grid = side // backbone.net.patch_embed.patch_size[0]
    assert feature.shape == (2, 24, grid, grid)
    torch.testing.assert_close(feature.flatten(2).mT, tokens)
    torch.testing.assert_close(feature.mean(1), torch.zeros(2, grid, grid), atol=1e-5, rtol=0)  # normalised
    feature.square().sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())


def test_norm_behind_the_pool_becomes_that_of_the_tokens(tmp_path: Path) -> None:
    model = timm.create_model('test_vit2', img_size=64)
    torch.nn.init.normal_(model.fc_norm.weight)
    torch.save(model.state_dict(), tmp_path / 'vit.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'vit.pth'))
    backbone = ViTBackbone('test_vit2', img_size=64, init_cfg=init_cfg)
    backbone.init_weights()
    assert torch.equal(backbone.net.norm.weight, model.fc_norm.weight)


def test_rows_are_the_class_tokens_attention_of_every_block(images: Tensor) -> None:
    backbone = build(attention='test')
    rows, _ = backbone(images)
    torch.testing.assert_close(rows, explicit_rows(backbone, images))
    torch.testing.assert_close(rows.sum(-1), torch.ones(2, 3))


def test_rows_of_training_cost_nothing_unless_asked_for(images: Tensor) -> None:
    assert len(build(attention='test').train()(images)) == 1
    rows, feature = build(attention='always').train()(images)
    assert rows.requires_grad and feature.requires_grad
    rows[:, :, 1].sum().backward()


def test_keys_of_the_last_block_stand_in_front_of_the_map(images: Tensor) -> None:
    backbone, caught = build(keys=True), []
    last = backbone.net.blocks[-1].attn.qkv
    last.register_forward_hook(lambda _, __, out: caught.append(out[:, 1:, 24:48]))
    keys, feature = backbone(images)
    assert keys.shape == feature.shape
    torch.testing.assert_close(keys.flatten(2).mT, caught[0])


def test_keys_cost_no_second_norm_of_the_last_block(images: Tensor) -> None:
    backbone, calls = build(keys=True), []
    backbone.net.blocks[-1].norm1.register_forward_hook(lambda *_: calls.append(1))
    backbone(images)
    assert calls == [1]


def test_rollout_multiplies_the_mixed_matrices_of_all_blocks(images: Tensor) -> None:
    backbone = build(attention='rollout')
    caught: list[Tensor] = []
    for block in backbone.net.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, __, matrix: caught.append(matrix.mean(1)))
    backbone.net.forward_features(images)
    product = torch.eye(17).expand(2, 17, 17)
    for matrix in caught:
        product = (matrix + torch.eye(17)) / 2 @ product
    rows, _ = backbone(images)
    torch.testing.assert_close(rows, product[:, :1])


@pytest.mark.parametrize('size', [(64, 64), (96, 96), (48, 80)])
def test_any_multiple_of_the_patch_is_a_valid_input(size: tuple[int, int]) -> None:
    rows, feature = build(attention='test')(torch.randn(1, 3, *size))
    assert feature.shape[2:] == (size[0] // 16, size[1] // 16) and rows.shape[-1] == feature[0, 0].numel() + 1


def test_other_sizes_are_refused_with_the_patch() -> None:
    with pytest.raises(
        ValueError, match='the input is 64x70, but the ViT needs multiples of its patch, 16x16'
    ):
        build()(torch.randn(1, 3, 64, 70))


def test_frozen_transformer_has_no_trainable_weight_and_no_stochastic_depth(images: Tensor) -> None:
    backbone = build(frozen=True, drop_path_rate=0.5).train()
    assert not any(p.requires_grad for p in backbone.parameters())
    torch.testing.assert_close(backbone(images)[0], backbone(images)[0])
    pixels = images.clone().requires_grad_()
    backbone(pixels)[0].sum().backward()
    assert pixels.grad.abs().sum() > 0


def test_frozen_transformer_is_frozen_before_training_begins() -> None:
    assert not any(p.requires_grad for p in ViTBackbone(**TINY, frozen=True).parameters())


def test_stochastic_depth_rises_linearly() -> None:
    rates = [block.drop_path1.drop_prob for block in build(depth=5, drop_path_rate=0.1).net.blocks[1:]]
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.1])


def test_weights_come_by_timms_names_and_positions_are_resampled(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = timm.create_model('deit_tiny_patch16_224', embed_dim=24, depth=3, num_heads=3)
    torch.save({'model': model.state_dict()}, tmp_path / 'deit.pth')
    backbone = build(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'deit.pth')))
    backbone.init_weights()
    assert torch.equal(backbone.net.blocks[2].mlp.fc1.weight, model.blocks[2].mlp.fc1.weight)
    assert backbone.net.pos_embed.shape == (1, 17, 24)
    assert torch.equal(backbone.net.pos_embed[:, 0], model.pos_embed[:, 0])


def test_incomplete_weights_are_refused(tmp_path: Path) -> None:
    torch.save({'model': {'cls_token': torch.zeros(1, 1, 24)}}, tmp_path / 'deit.pth')
    backbone = build(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'deit.pth')))
    with pytest.raises(ValueError, match=r'does not fit VisionTransformer: .* tensors are missing'):
        backbone.init_weights()


def test_bfloat16_autocast_gives_close_maps_and_rows(images: Tensor) -> None:
    backbone = build(attention='test')
    exact = backbone(images)
    with torch.autocast('cpu', torch.bfloat16):
        mixed = backbone(images)
    for ours, other in zip(mixed, exact):
        torch.testing.assert_close(ours.float(), other, rtol=0.1, atol=0.05)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(name='deit_tiny_patch17'), "timm has no model 'deit_tiny_patch17'; similar names"),
        (dict(name='resnet18'), "'resnet18' is not a vision transformer"),
        (dict(attention='all'), r"attention must be one of .*, got 'all'"),
        (dict(class_token=False, global_pool='avg', attention='test'), 'has no class token'),
    ],
)
def test_wrong_arguments_are_named(kwargs: dict, message: str) -> None:
    arguments = kwargs if kwargs.get('name') == 'resnet18' else {**TINY, **kwargs}
    with pytest.raises(ValueError, match=message):
        ViTBackbone(**arguments)


@torch.no_grad()
def test_class_token_stands_in_front_of_the_patch_map(images: Tensor) -> None:
    backbone = build(return_class_token=True, attention='test')
    rows, token, patches = backbone(images)
    assert rows.shape == (2, 3, 17) and patches.shape == (2, 24, 4, 4)
    torch.testing.assert_close(token, backbone.net.forward_features(images)[:, 0])


@torch.no_grad()
def test_tokens_of_any_layer_become_the_patch_map(images: Tensor) -> None:
    backbone = build()
    tokens = backbone.net.forward_features(images)
    torch.testing.assert_close(backbone.token_map(tokens, (64, 64)), backbone(images)[-1])


def test_blocks_are_numbered_from_both_ends() -> None:
    backbone = build()
    assert backbone.layer_name(0) == 'net.blocks.0.norm1'
    assert backbone.layer_name(-1) == backbone.layer_name(2) == 'net.blocks.2.norm1'
    with pytest.raises(ValueError, match=r'has blocks 0\.\.2, got the layer 3'):
        backbone.layer_name(3)
