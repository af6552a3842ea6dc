"""Self-attention of timm's ViT, fused, with single rows of its matrix at hand.

The functions run the layers of a ``timm.layers.Attention`` module in the order in which the module does; a row costs one
product of a query with the keys, and no (heads, L, L) matrix is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import at_least_float32, without_autocast
from .recompute import linear_of


def project_qkv(
    attention: Any, x: Tensor, norm: Callable[[Tensor], Tensor] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values (N, heads, L, d) of tokens (N, L, D), which ``norm`` normalises first."""
    n, length, _ = x.shape
    projected = attention.qkv(x) if norm is None else linear_of(attention.qkv, norm, x)
    qkv = projected.reshape(n, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    queries, keys, values = qkv.unbind(0)
    return attention.q_norm(queries), attention.k_norm(keys), values


def attend(attention: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Output tokens (N, L, D) of fused attention and the layers behind it."""
    dropout = attention.attn_drop.p if attention.training else 0.0
    out = F.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout)
    out = out.transpose(1, 2).flatten(2)  # (N, L, D)
    out = getattr(attention, 'norm', torch.nn.Identity())(out)
    return attention.proj_drop(attention.proj(out))


def attention_row(attention: Any, queries: Tensor, keys: Tensor, index: int) -> Tensor:
    """Row ``index`` of the attention matrix, mean over the heads: (N, L)."""
    scores = queries[:, :, index : index + 1] * attention.scale @ keys.transpose(-2, -1)  # (N, heads, 1, L)
    return scores.softmax(-1).mean(1)[:, 0]


def attention_matrix(attention: Any, queries: Tensor, keys: Tensor) -> Tensor:
    """The whole attention matrix, mean over the heads: (N, L, L)."""
    return (queries * attention.scale @ keys.transpose(-2, -1)).softmax(-1).mean(1)


def patch_attention(rows: Tensor, grid: Sequence[int], last_n: int | None = None) -> Tensor:
    """Sum over the (last n) blocks of the class token's attention to the patches: (N, T, L) to (N, 1, h, w).

    The patches are the last h * w of the L tokens, row by row.
    """
    chosen = rows if last_n is None else rows[:, -last_n:]
    patches = at_least_float32(chosen[..., -grid[0] * grid[1] :])
    return patches.sum(1, keepdim=True).unflatten(2, tuple(grid))


def spatial_mask(attention: Any, queries: Tensor, keys: Tensor, index: int = -1) -> Tensor:
    """What token ``index`` sees: sigmoid of its mean score over the heads, (N, L) in (0, 1), float32 under autocast.

    The mean over the heads makes it one product over all channels (SAT, ICCV 2023).
    """
    query = queries[:, :, index]  # (N, heads, d)
    with without_autocast(query):
        scores = torch.einsum('nhd,nhld->nl', at_least_float32(query), at_least_float32(keys))
        return (scores * (attention.scale / attention.num_heads)).sigmoid()
