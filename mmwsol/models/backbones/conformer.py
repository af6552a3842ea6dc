from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from mmwsol.models.layers import attend, attention_row, project_qkv
from mmwsol.registry import MODELS

from .pretrained_weights import PretrainedModule
from .vit import ViTBackbone

ATTENTION_MODES = ('none', 'test', 'always')


@MODELS.register_module()
class Conformer(PretrainedModule):
    """A ResNet and a transformer that hand their features to each other in every block (Peng et al., ICCV 2021).

    The defaults are Conformer-S as TS-CAM (ICCV 2021) and SCM (ECCV 2022) train it. Convolutional parts are mmpretrain's,
    transformer blocks timm's, parameter names and initialisation those of the authors, whose ``Conformer_small_patch16.pth``
    goes into ``init_cfg=dict(type='Pretrained', checkpoint=...)``; ``match='position'`` reads mmpretrain's files. Unlike
    mmpretrain's own network, paths are dropped in the transformer only. Without position embedding, any input size
    that is a multiple of the patch will do. Attention runs fused.

    Args:
        base_channels, channel_ratio: their product is the width of the first third of the convolutional blocks; the
            second and the last third have twice and four times as many channels. The stem always has 64.
        depth: transformer blocks, a multiple of 3.
        drop_path_rate: of the last transformer block; it grows linearly from 0 at the first.
        attention: when the attention rows of the class token stand in front of the maps: ``none``, ``test`` (in
            evaluation only) or ``always``, with gradient.

    Raises:
        ValueError: sizes that do not divide each other, or an unknown ``attention``.
    """

    def __init__(
        self,
        patch_size: int = 16,
        base_channels: int = 64,
        channel_ratio: int = 4,
        embed_dim: int = 384,
        depth: int = 12,
        num_heads: int = 6,
        mlp_ratio: float = 4.0,
        drop_path_rate: float = 0.1,
        attention: str = 'none',
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        _require_multiple('patch_size', patch_size, 16)
        _require_multiple('depth', depth, 3)
        _require_multiple('embed_dim', embed_dim, num_heads)
        if attention not in ATTENTION_MODES:
            raise ValueError(f'attention must be one of {ATTENTION_MODES}, got {attention!r}')
        self.patch_size, self.embed_dim, self.depth, self.attention = patch_size, embed_dim, depth, attention
        width, cells = base_channels * channel_ratio, patch_size // 4
        self.channels = (4 * width, embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.act1 = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv_1 = _layers().ConvBlock(64, width, with_residual_conv=True)
        self.trans_patch_conv = nn.Conv2d(64, embed_dim, cells, stride=cells)
        rates = [drop_path_rate * index / (depth - 1) for index in range(depth)]
        blocks = [_transformer_block(embed_dim, num_heads, mlp_ratio, rate) for rate in rates]
        self.trans_1 = blocks[0]
        self._couple(blocks[1:], width, cells)
        self.trans_norm = nn.LayerNorm(embed_dim)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        self.apply(_initialise)

    def _couple(self, blocks: list[Block], width: int, cells: int) -> None:
        """Blocks 2 to ``depth``, each with its convolutions; a map twice as wide at the start of every third."""
        inputs = width
        for index, block in enumerate(blocks, 2):
            third = (index - 1) * 3 // self.depth
            channels = width << third
            coupled = _CoupledBlock(inputs, channels, cells >> third, block, last=index == self.depth)
            self.add_module(f'conv_trans_{index}', coupled)
            inputs = channels

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) to maps; h = H / ``patch_size``, w = W / ``patch_size``.

        Returns:
            First, as ``attention`` says, the class token's attention, softmax and then mean over the heads, of every
            block: (N, ``depth``, 1 + h * w), patches row by row behind the class token. Then the last convolutional map
            (N, 4 * ``base_channels`` * ``channel_ratio``, H / 32, W / 32), sizes rounded up. Last the normalised patch
            tokens as a map (N, ``embed_dim``, h, w).
        """
        if x.shape[-2] % self.patch_size or x.shape[-1] % self.patch_size:
            raise ValueError(
                f'the input is {x.shape[-2]}x{x.shape[-1]}, but this Conformer needs multiples of its patch, '
                f'{self.patch_size}; change the size in the test and train pipelines'
            )
        wanted = self.attention == 'always' or (self.attention == 'test' and not self.training)
        rows: list[Tensor] | None = [] if wanted else None
        stem = self.maxpool(self.act1(self.bn1(self.conv1(x))))  # (N, 64, H / 4, W / 4)
        conv_map = self.conv_1(stem, out_conv2=False)
        patches = self.trans_patch_conv(stem)  # (N, D, h, w)
        grid = patches.shape[-2:]
        patches = patches.flatten(2).transpose(1, 2)  # (N, h * w, D)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], dim=1)  # (N, 1 + h * w, D)
        tokens = _run_transformer(self.trans_1, tokens, rows)
        for index in range(2, self.depth + 1):
            conv_map, tokens = self.get_submodule(f'conv_trans_{index}')(conv_map, tokens, rows)
        feature = self.trans_norm(tokens)[:, 1:].transpose(1, 2).unflatten(2, grid)  # (N, D, h, w)
        return (conv_map, feature) if rows is None else (torch.stack(rows, dim=1), conv_map, feature)


class _CoupledBlock(nn.Module):
    """Two bottlenecks and a transformer block between them: the tokens take in the map, then the map the tokens.

    Args:
        inputs, channels: of the map; a block that widens the map also halves it.
        cells: how many cells of the (halved) map lie along a patch.
        last: halve the map at the end.
    """

    def __init__(self, inputs: int, channels: int, cells: int, trans_block: Any, last: bool) -> None:
        super().__init__()
        layers, halves = _layers(), inputs != channels
        dim = trans_block.norm1.normalized_shape[0]
        self.cells = cells
        self.cnn_block = layers.ConvBlock(inputs, channels, 1 + halves, with_residual_conv=halves)
        self.fusion_block = layers.ConvBlock(channels, channels, 1 + last, with_residual_conv=last)
        self.squeeze_block = layers.FCUDown(channels // 4, dim, cells)
        self.expand_block = layers.FCUUp(dim, channels // 4, cells)
        self.trans_block = trans_block

    def forward(self, conv_map: Tensor, tokens: Tensor, rows: list[Tensor] | None) -> tuple[Tensor, Tensor]:
        """Map (N, C, h, w) and tokens (N, L, D) behind the block; appends the class token's row to ``rows``."""
        conv_map, inner = self.cnn_block(conv_map)  # (N, C, h', w'), (N, C / 4, h', w')
        # The squeezed map has the class token itself in front, so that the sum doubles it.
        squeezed = self.squeeze_block(inner, tokens)  # (N, L, D)
        tokens = _run_transformer(self.trans_block, squeezed + tokens, rows)
        expanded = self.expand_block(tokens, inner.shape[2] // self.cells, inner.shape[3] // self.cells)
        return self.fusion_block(conv_map, fusion_features=expanded, out_conv2=False), tokens


def _transformer_block(dim: int, heads: int, mlp_ratio: float, drop_path_rate: float) -> Block:
    norm: Any = partial(nn.LayerNorm, eps=1e-6)
    return Block(dim, heads, mlp_ratio, qkv_bias=True, drop_path=drop_path_rate, norm_layer=norm)


def _run_transformer(block: Any, tokens: Tensor, rows: list[Tensor] | None) -> Tensor:
    """timm's pre-norm block on tokens (N, L, D); appends the class token's attention (N, L) to ``rows``."""
    queries, keys, values = project_qkv(block.attn, tokens, block.norm1)
    if rows is not None:
        rows.append(attention_row(block.attn, queries, keys, 0))
    return ViTBackbone.finish_block(block, tokens, attend(block.attn, queries, keys, values))


def _layers() -> Any:
    """mmpretrain's module of Conformer layers, imported when a Conformer is built.

    Its import warns of an mmcv operator that mmcv-lite lacks and that nothing here uses.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')
        from mmpretrain.models.backbones import conformer
    return conformer


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    """Convolutions Kaiming normal by fan-out, their biases as torch draws them; linear layers truncated normal .02."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


def _require_multiple(name: str, value: int, of: int) -> None:
    if value < of or value % of:
        raise ValueError(f'{name} of a Conformer must be a positive multiple of {of}, got {value}')
