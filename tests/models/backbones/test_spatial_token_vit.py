from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmwsol.models.backbones import SpatialTokenViT, ViTBackbone

TINY = dict(name='deit_tiny_patch16_224', embed_dim=24, depth=5, num_heads=3, img_size=64)


def build(**kwargs) -> SpatialTokenViT:
    torch.manual_seed(0)
    return SpatialTokenViT(**{**TINY, **kwargs}).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 64, 64)


def explicit_forward(backbone: SpatialTokenViT, images: Tensor) -> tuple[Tensor, Tensor]:
    """Masks and patch tokens with every matrix written out: softmax, times the mask of every key, no renormalisation."""
    net, masks = backbone.net, []
    tokens = net._pos_embed(net.patch_embed(images))
    tokens = torch.cat(
        [tokens, (backbone.spatial_token + backbone.spatial_embed).expand(len(images), -1, -1)], 1
    )
    for index, block in enumerate(net.blocks):
        normed = block.norm1(tokens)
        n, length, width = normed.shape
        qkv = block.attn.qkv(normed).view(n, length, 3, 3, 8)
        scores = torch.einsum('nlhd,nmhd->nhlm', qkv[:, :, 0], qkv[:, :, 1]) / 8**0.5
        weights = scores.softmax(-1)
        if index >= len(net.blocks) - backbone.num_spatial_blocks:
            mask = scores[:, :, -1].mean(1).sigmoid()  # (N, L)
            masks.append(mask[:, 1:-1])
            weights = weights * mask[:, None, None]
        out = torch.einsum('nhlm,nmhd->nlhd', weights, qkv[:, :, 2]).reshape(n, length, width)
        tokens = tokens + block.attn.proj(out)
        tokens = tokens + block.mlp(block.norm2(tokens))
    return torch.stack(masks, 1), net.norm(tokens)[:, 1:-1]


@pytest.mark.parametrize('blocks', [1, 3, 5])
def test_fused_masking_equals_the_written_out_matrices(images: Tensor, blocks: int) -> None:
    backbone = build(num_spatial_blocks=blocks)
    masks, feature = backbone(images)
    expected_masks, expected = explicit_forward(backbone, images)
    assert masks.shape == (2, blocks, 4, 4)
    torch.testing.assert_close(masks.flatten(2), expected_masks)
    torch.testing.assert_close(feature.flatten(2).mT, expected)


def test_masks_of_one_make_it_a_transformer_with_a_register_token(images: Tensor) -> None:
    backbone = build(masking=False)
    registered = ViTBackbone(**TINY, reg_tokens=1).eval()
    state = backbone.net.state_dict()
    # timm puts its register in front and gives it a position; attention does not care about the order
    spatial = (backbone.spatial_token + backbone.spatial_embed).detach()
    positions = torch.cat(
        [state['pos_embed'][:, :1], torch.zeros(1, 1, 24), state['pos_embed'][:, 1:]], dim=1
    )
    registered.net.load_state_dict({**state, 'pos_embed': positions, 'reg_token': spatial})
    torch.testing.assert_close(backbone(images)[1], registered(images)[0])


def test_masks_start_near_a_half(images: Tensor) -> None:
    masks, _ = build()(images)
    assert (masks - 0.5).abs().max() < 0.05


def test_classification_alone_trains_the_spatial_token(images: Tensor) -> None:
    backbone = build()
    backbone(images)[1].square().sum().backward()
    assert backbone.spatial_token.grad.abs().sum() > 0 and backbone.spatial_embed.grad.abs().sum() > 0


def test_frozen_transformer_leaves_the_spatial_token_trainable(images: Tensor) -> None:
    backbone = build(frozen=True).train()
    assert {name for name, p in backbone.named_parameters() if p.requires_grad} == {
        'spatial_token',
        'spatial_embed',
    }
    backbone(images)[0].sum().backward()
    assert backbone.spatial_token.grad.abs().sum() > 0


@pytest.mark.parametrize('option', [dict(attention='test'), dict(keys=True), dict(return_class_token=True)])
def test_other_outputs_are_refused(option: dict) -> None:
    with pytest.raises(ValueError, match='spatial masks and the patch map alone'):
        build(**option)


@pytest.mark.parametrize('size', [(96, 96), (48, 80)])
def test_any_multiple_of_the_patch_is_a_valid_input(size: tuple[int, int]) -> None:
    masks, feature = build()(torch.randn(1, 3, *size))
    assert masks.shape[2:] == feature.shape[2:] == (size[0] // 16, size[1] // 16)


def test_masks_stay_float32_under_autocast(images: Tensor) -> None:
    backbone = build()
    with torch.autocast('cpu', torch.bfloat16):
        masks, _ = backbone(images)
    assert masks.dtype == torch.float32
    torch.testing.assert_close(masks, backbone(images)[0], rtol=0.02, atol=0.01)


def test_number_of_spatial_blocks_is_checked() -> None:
    with pytest.raises(
        ValueError, match=r'num_spatial_blocks must be in 1..5 for deit_tiny_patch16_224, got 6'
    ):
        build(num_spatial_blocks=6)
