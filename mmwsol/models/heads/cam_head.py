from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mmwsol.models.layers import class_conv2d
from mmwsol.registry import MODELS

from .loc_head import LocHead


@MODELS.register_module()
class CAMHead(LocHead):
    """Class activation mapping (Zhou et al., CVPR 2016).

    Logits are the spatial mean of per-class maps plus a bias; the maps are the classifier's weights applied at every
    position.

    Args:
        in_channels: of the backbone's last feature map.
        form: ``linear`` pools, then classifies: the maps leave the bias out (VGG, ResNet). ``conv`` classifies every
            position, then pools: the maps hold the bias (InceptionV3).
        hidden_channels: 3x3 convolutions with ReLU in front of the classifier (VGG16: (1024,)).
        dropout: element-wise, in front of every hidden convolution and of the classifier (InceptionV3: 0.5).
        last_layer: a layer behind the hidden convolutions (ADL on InceptionV3).
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        form: str = 'linear',
        hidden_channels: Sequence[int] = (),
        dropout: float = 0.0,
        last_layer: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, init_cfg=init_cfg, **kwargs)
        if form not in ('linear', 'conv'):
            raise ValueError(f"form must be 'linear' or 'conv', got {form!r}")
        self.form = form
        layers: list[nn.Module] = []
        for width in hidden_channels:
            layers += [nn.Dropout(dropout)] if dropout else []
            layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU()]
            in_channels = width
        layers += [nn.Dropout(dropout)] if dropout else []
        layers += [MODELS.build(last_layer)] if last_layer else []
        self.hidden = nn.Sequential(*layers)
        self.fc = (
            nn.Linear(in_channels, num_classes)
            if form == 'linear'
            else nn.Conv2d(in_channels, num_classes, 1)
        )

    def pre_logits(self, feats: Sequence[Tensor]) -> Tensor:
        return self.hidden(feats[-1])  # (N, c, h, w)

    def classify(self, pre_logits: Tensor) -> Tensor:
        if self.form == 'linear':
            return self.fc(pre_logits.mean((2, 3)))  # (N, K)
        return self.fc(pre_logits).mean((2, 3))

    def localize(self, pre_logits: Tensor, labels: Tensor) -> Tensor:
        weight = self.fc.weight.reshape(self.num_classes, -1, 1, 1)
        bias = self.fc.bias if self.form == 'conv' else None
        return class_conv2d(pre_logits, weight, bias, labels)  # (N, C, h, w)
