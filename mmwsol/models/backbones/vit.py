from __future__ import annotations

import re
from typing import Any

import timm
import torch
from timm.layers import Attention, Mlp
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn

from mmwsol.models.layers import attend, attention_matrix, attention_row, linear_of, project_qkv
from mmwsol.registry import MODELS

from .pretrained_weights import PretrainedModule, load_pretrained_weights

ATTENTION_MODES = ('none', 'test', 'always', 'rollout')


@MODELS.register_module()
class ViTBackbone(PretrainedModule):
    """A timm vision transformer that gives patch maps and the attention rows of its class token.

    Any pre-norm ViT with plain attention: DeiT, DeiT-III, ViT, DINOv2 (with or without registers), also those that timm
    pools by mean or attention, of which the patch tokens are taken instead. Any input size that is a multiple of the patch:
    position embeddings are interpolated (bicubic, antialiased) to the grid. Attention runs fused.

    Args:
        name: timm model name.
        attention: which rows ``forward`` puts in front of the map. ``none``; ``test``: of every block, in evaluation
            only (training pays nothing); ``always``: also in training, with gradient; ``rollout``: in evaluation, the
            one row of attention rollout (Abnar & Zuidema, ACL 2020), each matrix mixed with the identity by halves.
        return_class_token: put the normalised class token (N, D) in front of the patch map.
        keys: put the keys of the last block, all heads side by side, as a map (N, D, h, w) in front of the patch map.
        frozen: weights and mode of the transformer stay as they were loaded; gradients still pass through.
        timm_args: of ``timm.create_model``, e.g. ``img_size`` (the grid of the position embedding), ``drop_path_rate``.

    Raises:
        ValueError: unknown name, or a network of another kind.
    """

    def __init__(
        self,
        name: str,
        attention: str = 'none',
        keys: bool = False,
        return_class_token: bool = False,
        frozen: bool = False,
        init_cfg: dict | list[dict] | None = None,
        **timm_args,
    ) -> None:
        super().__init__(init_cfg)
        if attention not in ATTENTION_MODES:
            raise ValueError(f'attention must be one of {ATTENTION_MODES}, got {attention!r}')
        if not timm.is_model(name):
            close = timm.list_models(f'*{name.split("_")[0]}*')[:8]
            raise ValueError(f'timm has no model {name!r}; similar names: {close}')
        net = _create(name, timm_args)
        if (attention != 'none' or return_class_token) and net.cls_token is None:
            raise ValueError(
                f'{name!r} has no class token, so there is nothing to give for attention={attention!r}, '
                f'return_class_token={return_class_token}'
            )
        self.net = net
        self.attention = attention
        self.keys = keys
        self.return_class_token = return_class_token
        self.frozen = frozen
        self.channels = (net.embed_dim,)
        if frozen:  # already here: optimisers and DDP are built before train() is called
            net.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) to, last, the normalised patch tokens as a map (N, D, h, w).

        In front of it, as ``attention`` says, the class token's attention (mean over heads): (N, blocks, L), where the
        last h * w of the L tokens are the patches, row by row.
        """
        tokens, grid = self.embed(x)
        rows: list[Tensor] = []
        for block in self.net.blocks:
            tokens, keys = self.run_block(block, tokens, rows)  # (N, L, D), (N, heads, L, d)
        outs = [self.gather_rows(rows)] if rows else []
        if self.keys:
            outs.append(self.patch_map(keys.transpose(1, 2).flatten(2), grid))
        tokens = self.net.norm(tokens)
        if self.return_class_token:
            outs.append(tokens[:, 0])
        return (*outs, self.patch_map(tokens, grid))

    def embed(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Tokens (N, L, D) with positions, in front of the first block, and the patch grid (h, w)."""
        patch = self.net.patch_embed.patch_size
        if x.shape[-2] % patch[0] or x.shape[-1] % patch[1]:
            raise ValueError(
                f'the input is {x.shape[-2]}x{x.shape[-1]}, but the ViT needs multiples of its patch, '
                f'{patch[0]}x{patch[1]}; change the size in the pipelines'
            )
        patches = self.net.patch_embed(x)  # (N, h, w, D)
        tokens = self.net.norm_pre(self.net.patch_drop(self.net._pos_embed(patches)))
        return tokens, (patches.shape[1], patches.shape[2])

    def run_block(self, block: Any, tokens: Tensor, rows: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Tokens behind a block and its keys (N, heads, L, d); appends what ``attention`` asks for to ``rows``."""
        queries, keys, values = project_qkv(block.attn, tokens, block.norm1)
        if self.attention == 'always' or (self.attention == 'test' and not self.training):
            rows.append(attention_row(block.attn, queries, keys, 0))
        elif self.attention == 'rollout' and not self.training:
            mixed = attention_matrix(block.attn, queries, keys).add_(
                torch.eye(tokens.shape[1], device=tokens.device)
            )
            mixed = mixed / mixed.sum(-1, keepdim=True)  # (N, L, L)
            rows[:] = [mixed @ rows[0] if rows else mixed]
        return self.finish_block(block, tokens, attend(block.attn, queries, keys, values)), keys

    @staticmethod
    def finish_block(block: Any, tokens: Tensor, attended: Tensor) -> Tensor:
        """Residual of the attention, then the perceptron, whose hidden activation is made again in the backward pass."""
        tokens = tokens + block.drop_path1(block.ls1(attended))
        mlp = block.mlp
        if type(mlp) is Mlp and isinstance(mlp.norm, nn.Identity) and mlp.drop1.p == 0:
            out = linear_of(mlp.fc2, mlp.act, linear_of(mlp.fc1, block.norm2, tokens))
            out = mlp.drop2(out)
        else:
            out = mlp(block.norm2(tokens))
        return tokens + block.drop_path2(block.ls2(out))

    def gather_rows(self, rows: list[Tensor]) -> Tensor:
        """(N, blocks, L); one row for a rollout."""
        return rows[0][:, :1] if self.attention == 'rollout' else torch.stack(rows, dim=1)

    def patch_map(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        patches = tokens[:, self.net.num_prefix_tokens :][:, : grid[0] * grid[1]]
        return patches.transpose(1, 2).unflatten(2, grid)  # (N, D, h, w)

    def token_map(self, tokens: Tensor, image_size: tuple[int, int]) -> Tensor:
        """Patch map (N, D, h, w) of the tokens (N, L, D) that any layer puts out for images of a size (H, W)."""
        patch = self.net.patch_embed.patch_size
        return self.patch_map(tokens, (image_size[0] // patch[0], image_size[1] // patch[1]))

    def layer_name(self, block: int) -> str:
        """Name of the norm in front of a block's attention; negative numbers count from the last block."""
        depth = len(self.net.blocks)
        if not -depth <= block < depth:
            raise ValueError(f'{type(self).__name__} has blocks 0..{depth - 1}, got the layer {block}')
        return f'net.blocks.{block % depth}.norm1'

    def train(self, mode: bool = True) -> ViTBackbone:
        super().train(mode)
        if self.frozen:
            self.net.eval().requires_grad_(False)
        return self

    def load_pretrained(self, **config: Any) -> None:
        """By timm's names, DINOv2's and CLIP's included; position embeddings are resampled to ``img_size``.

        Networks that pool by mean norm behind the pool (``fc_norm``); here that norm is of the tokens.
        """

        def adapt(state: dict[str, Tensor]) -> dict[str, Tensor]:
            state = checkpoint_filter_fn(state, model=self.net)
            return {re.sub('^fc_norm[.]', 'norm.', key): value for key, value in state.items()}

        load_pretrained_weights(self.net, adapt=adapt, **config)


def _create(name: str, timm_args: dict[str, Any]) -> Any:
    other = f'{name!r} is not a vision transformer with plain pre-norm attention; TimmBackbone takes convolutional ones'
    try:
        net: Any = timm.create_model(
            name, pretrained=False, num_classes=0, dynamic_img_size=True, **timm_args
        )
    except TypeError as error:
        raise ValueError(f'{other}, or it does not take {sorted(timm_args)}: {error}') from error
    if not isinstance(net, VisionTransformer) or not all(_is_plain(block) for block in net.blocks):
        raise ValueError(other)
    net.attn_pool = None  # type: ignore[assignment]  # timm itself sets it so
    if isinstance(net.norm, nn.Identity):  # pooled by mean: normed behind the pool
        net.norm, net.fc_norm = net.fc_norm, net.norm
    return net


def _is_plain(block: Any) -> bool:
    parts = ('norm1', 'attn', 'ls1', 'drop_path1', 'norm2', 'mlp', 'ls2', 'drop_path2')
    plain = all(hasattr(block, part) for part in parts) and type(block.attn) is Attention
    return plain and getattr(block.attn, 'gate', None) is None
