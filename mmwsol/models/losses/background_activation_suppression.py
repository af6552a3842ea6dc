from __future__ import annotations

from torch import Tensor, nn

from mmwsol.registry import MODELS


@MODELS.register_module()
class BackgroundActivationSuppressionLoss(nn.Module):
    """Ratio of the class score on the background to the score on the whole image (BAS, CVPR 2022, eq. 4; IJCV 2023).

    The mean over the batch of ``S_bg / (S + 1e-8)``; where the background scores higher than the image the ratio is
    replaced by a constant and gives no gradient. ``S`` gives none either. Computed in float32 under autocast.

    Args:
        relu: take the ReLU of both scores first (IJCV release). The CVPR release has a final ReLU in its classifier.
        replaced_value: the constant, 0 or 1: it moves the logged number only.
        replace_equal: also replace where both scores are equal.
    """

    eps = 1e-8

    def __init__(
        self,
        relu: bool = True,
        replaced_value: float = 1.0,
        replace_equal: bool = False,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.relu = relu
        self.replaced_value = replaced_value
        self.replace_equal = replace_equal
        self.loss_weight = loss_weight

    def ratios(self, background: Tensor, score: Tensor) -> Tensor:
        """Ratio of each image after the replacement: (N,), (N,) -> (N,) float32."""
        background, score = background.float(), score.detach().float()
        if self.relu:
            background, score = background.relu(), score.relu()
        replaced = background >= score if self.replace_equal else background > score
        ratio = background / (score + self.eps)
        return ratio.masked_fill(replaced, self.replaced_value)

    def forward(self, background: Tensor, score: Tensor) -> Tensor:
        return self.loss_weight * self.ratios(background, score).mean()
