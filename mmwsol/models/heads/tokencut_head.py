from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmwsol.models.layers import at_least_float32, without_autocast
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample

from .loc_head import LocHead, class_agnostic_labels


@MODELS.register_module()
class TokenCutHead(LocHead):
    """Class-agnostic map from frozen transformer features by a normalised cut (TokenCut, Wang et al., CVPR 2022).

    The patches of an image form a graph, joined where the cosine of their features is above ``tau``. The second smallest
    eigenvector of the generalised system (D - W) y = lambda D y splits it; the half with the patch of the largest
    magnitude is the object. The map is the eigenvector above its mean, zero in the other half, so any threshold above 0
    cuts deeper into the published partition. Needs no training; a linear layer on the mean patch token serves Top-k.

    Expects the keys of the last block and the patch map of ``ViTBackbone(keys=True)``, as published for self-supervised
    features, or the patch map alone, which is then cut: the keys of supervised transformers share a large common part, so
    that nearly all patches are joined.

    Args:
        in_channels: D.
        tau: patches of a larger cosine are joined with weight 1, the others with ``eps``.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        tau: float = 0.2,
        eps: float = 1e-5,
        init_cfg: dict | list[dict] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, init_cfg=init_cfg, **kwargs)
        self.tau = tau
        self.eps = eps
        self.fc = nn.Linear(in_channels, num_classes)

    def pre_logits(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Features to cut (N, D, h, w) and patch map (N, D, h, w)."""
        if len(feats) > 2 or any(feat.ndim != 4 for feat in feats):
            shapes = [tuple(feat.shape) for feat in feats]
            raise ValueError(
                f'TokenCutHead needs a patch map (N, D, h, w), with or without keys in front of it, got features {shapes}; '
                'set backbone.attention="none" and return_class_token=False'
            )
        return feats[0], feats[-1]

    def classify(self, pre_logits: tuple[Tensor, Tensor]) -> Tensor:
        return self.fc(pre_logits[1].mean((2, 3)))  # (N, K)

    def localize(self, pre_logits: tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
        with without_autocast(pre_logits[0]), torch.no_grad():
            return normalized_cut(at_least_float32(pre_logits[0]), self.tau, self.eps)[:, None]

    def kept_labels(self, logits: Tensor, data_samples: list[LocDataSample]) -> Tensor:
        return class_agnostic_labels(logits)


def normalized_cut(features: Tensor, tau: float = 0.2, eps: float = 1e-5) -> Tensor:
    """Second eigenvector of the patch graph above its mean, object positive: (N, D, h, w) to (N, h, w), >= 0."""
    unit = nn.functional.normalize(features.flatten(2), dim=1)  # (N, D, P)
    weights = torch.where(unit.mT @ unit > tau, 1.0, eps).to(features.dtype)  # (N, P, P)
    scale = weights.sum(-1).rsqrt()
    symmetric = (
        torch.eye(weights.shape[-1], device=weights.device) - scale[..., None] * weights * scale[:, None]
    )
    vector = scale * torch.linalg.eigh(symmetric).eigenvectors[..., 1]  # (N, P)
    centred = vector - vector.mean(-1, keepdim=True)
    seed = vector.abs().argmax(-1, keepdim=True)
    sign = torch.where(centred.gather(1, seed) > 0, 1.0, -1.0)
    return (sign * centred).clamp_min(0).unflatten(1, features.shape[2:])
