from __future__ import annotations

import numpy as np
import torch
from mmengine.dist import is_distributed
from torch import Tensor, nn

from mmwsol.models.layers import common_draw
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample, stack_gt_labels


@MODELS.register_module()
class CutMix(nn.Module):
    """Paste a box of another training image and share the label by area (Yun et al., ICCV 2019), as wsolevaluation does.

    One box and one permutation a batch. The data samples get ``mix_label``, the class of the pasted image, and
    ``mix_weight``, the area that is left of the first; the heads weight their losses with them. What is drawn is
    drawn on the host, so nothing waits for the device. The processes of a distributed run mix in the same iterations, each
    its own images, since a head may exchange something for each label.

    Args:
        beta: the share is drawn from Beta(beta, beta).
        prob: probability that a batch is mixed.
    """

    def __init__(self, beta: float = 1.0, prob: float = 1.0) -> None:
        super().__init__()
        if beta <= 0 or not 0 <= prob <= 1:
            raise ValueError(f'CutMix takes beta > 0 and prob in [0, 1], got beta={beta}, prob={prob}')
        self.beta = beta
        self.prob = prob

    def forward(
        self, images: Tensor, data_samples: list[LocDataSample]
    ) -> tuple[Tensor, list[LocDataSample]]:
        """Images (N, C, H, W), changed in place, and data samples with ``mix_label`` and ``mix_weight``."""
        if not self.prob > (common_draw() if is_distributed() else np.random.rand()):
            return images, data_samples
        weight, order = self.mix(images)
        for sample, label in zip(data_samples, stack_gt_labels(data_samples)[order]):
            sample.set_field(label[None], 'mix_label')
            sample.set_field(torch.tensor([weight], dtype=torch.float32), 'mix_weight')
        return images, data_samples

    def mix(self, images: Tensor) -> tuple[float, Tensor]:
        """Paste in place; the area share of each image's own pixels and where the pasted ones come from, (N,) int64."""
        share = float(np.random.beta(self.beta, self.beta))
        order = torch.randperm(len(images))
        height, width = images.shape[-2:]
        top, bottom, left, right = draw_box(height, width, share)
        box = images[:, :, top:bottom, left:right]
        box.copy_(box[order.to(images.device, non_blocking=True)])
        return 1 - (bottom - top) * (right - left) / (height * width), order


def draw_box(height: int, width: int, share: float) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of a box of sides sqrt(1 - ``share``) around a uniform centre, clipped to the image."""
    fraction = np.sqrt(1.0 - share)
    edges: list[int] = []
    for side in (height, width):
        half, centre = int(side * fraction) // 2, int(np.random.randint(side))
        edges += [max(centre - half, 0), min(centre + half, side)]
    return edges[0], edges[1], edges[2], edges[3]
