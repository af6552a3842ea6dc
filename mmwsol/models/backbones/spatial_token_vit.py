from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmwsol.models.layers import attend, project_qkv, spatial_mask
from mmwsol.registry import MODELS

from .vit import ViTBackbone


@MODELS.register_module()
class SpatialTokenViT(ViTBackbone):
    """A vision transformer with a spatial token at the end of its sequence (SAT, Wu et al., ICCV 2023).

    In the last blocks the spatial token's query gives a mask over all keys, the sigmoid of its mean score over the heads,
    which multiplies every head's attention after the softmax. That equals fused attention over masked values, since
    (A * m) V = A (m * V), so the matrices are never stored.

    Args:
        num_spatial_blocks: how many of the last blocks mask.
        masking: ``False`` leaves the attention alone (all masks are one): an ablation, and a test's identity.
        others: see ``ViTBackbone``, without its other outputs. ``frozen`` leaves the spatial token trainable.
    """

    def __init__(self, name: str, num_spatial_blocks: int = 3, masking: bool = True, **kwargs) -> None:
        super().__init__(name, **kwargs)
        depth = len(self.net.blocks)
        if not 1 <= num_spatial_blocks <= depth:
            raise ValueError(f'num_spatial_blocks must be in 1..{depth} for {name}, got {num_spatial_blocks}')
        if self.attention != 'none' or self.keys or self.return_class_token:
            raise ValueError(
                'SpatialTokenViT gives spatial masks and the patch map alone; leave attention="none", keys=False and '
                'return_class_token=False'
            )
        self.num_spatial_blocks = num_spatial_blocks
        self.masking = masking
        self.spatial_token = nn.Parameter(
            nn.init.trunc_normal_(torch.empty(1, 1, self.net.embed_dim), std=0.02)
        )
        self.spatial_embed = nn.Parameter(
            nn.init.trunc_normal_(torch.empty(1, 1, self.net.embed_dim), std=0.02)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) to masks (N, ``num_spatial_blocks``, h, w) in (0, 1) and patch map (N, D, h, w)."""
        tokens, grid = self.embed(x)
        masks: list[Tensor] = []
        plain = len(self.net.blocks) - self.num_spatial_blocks
        for index, block in enumerate(self.net.blocks):
            run = self.run_block if index < plain else self.run_spatial_block
            tokens, _ = run(block, tokens, masks)
        patches = slice(self.net.num_prefix_tokens, -1)
        maps = torch.stack(masks, dim=1)[..., patches].unflatten(2, grid)
        return maps, self.patch_map(self.net.norm(tokens), grid)

    def embed(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        tokens, grid = super().embed(x)
        spatial = (self.spatial_token + self.spatial_embed).to(tokens.dtype).expand(len(x), -1, -1)
        return torch.cat([tokens, spatial], dim=1), grid

    def run_spatial_block(self, block: Any, tokens: Tensor, masks: list[Tensor]) -> tuple[Tensor, Tensor]:
        """As ``run_block``, the keys masked by what the spatial token sees; appends the mask (N, L)."""
        queries, keys, values = project_qkv(block.attn, tokens, block.norm1)
        mask = spatial_mask(block.attn, queries, keys)
        masks.append(mask)
        if self.masking:
            values = values * mask[:, None, :, None].to(values.dtype)
        return self.finish_block(block, tokens, attend(block.attn, queries, keys, values)), keys
