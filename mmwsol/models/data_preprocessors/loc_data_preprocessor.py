from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import nn

from mmwsol.registry import MODELS

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@MODELS.register_module()
class LocDataPreprocessor(BaseDataPreprocessor):
    """Stack a batch on the device and normalise it there: ``(x - mean) / std`` on RGB values 0..255.

    Data samples stay where they are: heads bring the labels of a batch over in one copy.

    Args:
        mean, std: of the three channels, on the scale 0..255; ImageNet's by default.
        batch_augments: in training, one after the other on the normalised batch: ``HideAndSeek``, ``CutMix``, or any module
            that takes and returns images (N, 3, H, W) and their data samples.
    """

    def __init__(
        self,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        non_blocking: bool = True,
        batch_augments: Sequence[dict] = (),
    ) -> None:
        super().__init__(non_blocking)
        self.batch_augments = nn.ModuleList(MODELS.build(augment) for augment in batch_augments)
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """``inputs``: list of uint8 (3, H, W), or (V, 3, H, W) with V views, all of one size -> float (N, [V,] 3, H, W).

        Raises:
            ValueError: images of a batch differ in size.
        """
        inputs = data['inputs']
        if not isinstance(inputs, torch.Tensor):
            if len({tuple(image.shape) for image in inputs}) > 1:
                sizes = sorted({tuple(image.shape) for image in inputs})
                raise ValueError(
                    f'images of one batch must have one size, got {sizes}; add a Resize or a crop'
                )
            inputs = torch.stack(list(inputs))
        images = self.cast_data(inputs).float()
        images, data_samples = (images - self.mean) / self.std, data.get('data_samples')
        for augment in self.batch_augments if training else ():
            images, data_samples = augment(images, data_samples)
        return {'inputs': images, 'data_samples': data_samples}
