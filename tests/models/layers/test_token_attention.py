from __future__ import annotations

import pytest
import torch
from timm.layers import Attention
from torch import Tensor

from mmwsol.models.layers import (
    attend,
    attention_matrix,
    attention_row,
    patch_attention,
    project_qkv,
    spatial_mask,
)


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(0)
    return Attention(12, num_heads=3, qkv_bias=True).double().eval()


@pytest.fixture
def tokens() -> Tensor:
    return torch.randn(2, 7, 12, dtype=torch.double)


def explicit_scores(attention: Attention, tokens: Tensor) -> Tensor:
    """Scaled scores (N, heads, L, L), the textbook way."""
    qkv = attention.qkv(tokens).view(2, 7, 3, 3, 4)
    return torch.einsum('nlhd,nmhd->nhlm', qkv[:, :, 0], qkv[:, :, 1]) / 2


def test_output_is_that_of_timms_module(attention: Attention, tokens: Tensor) -> None:
    torch.testing.assert_close(attend(attention, *project_qkv(attention, tokens)), attention(tokens))


def test_row_is_the_row_of_the_explicit_matrix(attention: Attention, tokens: Tensor) -> None:
    queries, keys, _ = project_qkv(attention, tokens)
    explicit = explicit_scores(attention, tokens).softmax(-1).mean(1)
    torch.testing.assert_close(attention_row(attention, queries, keys, 0), explicit[:, 0])
    torch.testing.assert_close(attention_row(attention, queries, keys, 6), explicit[:, 6])
    torch.testing.assert_close(attention_matrix(attention, queries, keys), explicit)


def test_spatial_mask_averages_the_heads_before_the_sigmoid(attention: Attention, tokens: Tensor) -> None:
    queries, keys, _ = project_qkv(attention, tokens)
    explicit = explicit_scores(attention, tokens).mean(1)[:, -1].sigmoid()
    torch.testing.assert_close(spatial_mask(attention, queries, keys), explicit)


def test_masked_values_equal_masked_attention(attention: Attention, tokens: Tensor) -> None:
    queries, keys, values = project_qkv(attention, tokens)
    mask = spatial_mask(attention, queries, keys)
    weights = explicit_scores(attention, tokens).softmax(-1) * mask[:, None, None]
    explicit = attention.proj((weights @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attend(attention, queries, keys, values * mask[:, None, :, None]), explicit)


def test_patch_attention_sums_the_last_blocks_over_the_last_tokens() -> None:
    rows = torch.arange(42.0).view(1, 3, 14)  # three blocks, two other tokens, a grid of 3x4
    assert torch.equal(patch_attention(rows, (3, 4)), rows[:, :, 2:].sum(1).view(1, 1, 3, 4))
    assert torch.equal(patch_attention(rows, (3, 4), 1), rows[:, 2, 2:].view(1, 1, 3, 4))
    assert patch_attention(rows.half(), (3, 4)).dtype == torch.float32
