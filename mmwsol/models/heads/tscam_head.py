from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from mmwsol.models.layers import class_conv2d, minmax, patch_attention, pooled_conv2d
from mmwsol.registry import MODELS

from .loc_head import LocHead


class CoupledFeatures(NamedTuple):
    """What TS-CAM couples: attention (N, 1, h, w) or None, patch tokens (N, D, h, w), pooled convolutional map or None."""

    attention: Tensor | None
    tokens: Tensor
    pooled: Tensor | None


@MODELS.register_module()
class TSCAMHead(LocHead):
    """Token semantic coupled attention map (Gao et al., ICCV 2021), and SCM (Bai et al., ECCV 2022) with ``diffusion``.

    A 3x3 convolution over the patch tokens gives a semantic map per class, its spatial mean the logits. The localization
    map of a class is its semantic map times the class token's attention to the patches, which knows no class.

    Expects the attention rows in front of the last feature map (``ViTBackbone``); between them, the last convolutional
    map if ``conv_channels`` is set (``Conformer``). In training the rows may be missing unless SCM needs them.

    Args:
        in_channels: D.
        last_n: sum the attention of so many last blocks; ``None`` for all, as published.
        coupling: ``raw`` attention (TS-CAM), ``minmax``, normalised per image to [0, 1] (SCM), or ``none``: the semantic
            maps alone, which is CAM on the patch tokens and needs no attention.
        diffusion: a module that refines semantic and attention map in training, as a weight per patch: logits are the
            weighted spatial mean (SCM: ``ActivationDiffusion``).
        diffuse_at_test: also weight the logits at test time (SCM on Conformer).
        conv_channels: channels of the convolutional branch, classified by a second linear layer (Conformer).
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        last_n: int | None = None,
        coupling: str = 'raw',
        diffusion: dict | None = None,
        diffuse_at_test: bool = False,
        conv_channels: int | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, init_cfg=init_cfg, **kwargs)
        if coupling not in ('raw', 'minmax', 'none'):
            raise ValueError(f"coupling must be 'raw', 'minmax' or 'none', got {coupling!r}")
        if last_n is not None and last_n < 1:
            raise ValueError(f'last_n must be at least 1, got {last_n}')
        self.last_n = last_n
        self.coupling = coupling
        self.diffuse_at_test = diffuse_at_test
        self.semantic = nn.Conv2d(in_channels, num_classes, 3, padding=1)
        self.diffusion = MODELS.build(diffusion) if diffusion else None
        self.conv_classifier = nn.Linear(conv_channels, num_classes) if conv_channels else None

    def pre_logits(self, feats: Sequence[Tensor]) -> CoupledFeatures:
        *rest, tokens = feats
        pooled = rest.pop().mean((2, 3)) if self.conv_classifier is not None else None
        attention = patch_attention(rest[0], tokens.shape[-2:], self.last_n) if rest else None
        return CoupledFeatures(attention, tokens, pooled)

    def classify(self, pre_logits: CoupledFeatures) -> Tensor:
        if self.diffusion is not None and (self.training or self.diffuse_at_test):
            semantic = self.semantic(pre_logits.tokens)  # (N, K, h, w)
            weights = self.diffusion(self.attention(pre_logits), semantic)  # (N, 1, h, w)
            logits = (semantic * weights).mean((2, 3))
        else:
            logits = pooled_conv2d(pre_logits.tokens, self.semantic.weight, self.semantic.bias)
        if self.conv_classifier is not None:
            logits = logits + self.conv_classifier(pre_logits.pooled)
        return logits  # (N, K)

    def localize(self, pre_logits: CoupledFeatures, labels: Tensor) -> Tensor:
        semantic = class_conv2d(pre_logits.tokens, self.semantic.weight, self.semantic.bias, labels)
        return (
            semantic if self.coupling == 'none' else self.coupled_attention(pre_logits) * semantic
        )  # (N, C, h, w)

    def coupled_attention(self, pre_logits: CoupledFeatures) -> Tensor:
        """The factor of all classes' maps, (N, 1, h, w)."""
        attention = self.attention(pre_logits)
        return minmax(attention[:, 0])[:, None] if self.coupling == 'minmax' else attention

    def attention(self, pre_logits: CoupledFeatures) -> Tensor:
        """The attention map, which the backbone must have given."""
        if pre_logits.attention is None:
            raise ValueError(
                f'{type(self).__name__} needs the attention rows of the backbone here; set backbone.attention='
                + ('"always"' if self.diffusion is not None else '"test" (or "rollout")')
            )
        return pre_logits.attention
