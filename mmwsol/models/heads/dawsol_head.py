from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

from torch import Tensor

from mmwsol.models.layers import current_epoch, planned_epochs
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample

from .cam_head import CAMHead


@MODELS.register_module()
class DAWSOLHead(CAMHead):
    """Domain adaptation for localization (Zhu et al., CVPR 2022): CAM whose pixel features are drawn to its image feature.

    The classifier learns on image features (source domain) and localizes with pixel features (target domain). An assigner
    splits the pixels of each image into three groups; one loss closes the gap between the domains on samples of two of
    them, another shrinks the features of the third, the background. At test time it is CAM with a 1x1 convolution, whose
    maps hold the bias. With both weights 0, and in the first epochs, it trains as CAM does.

    Args:
        in_channels, hidden_channels, dropout: see ``CAMHead``. The features of both domains are those in front of the
            classifier.
        loss_da: between the domains: ``MMDLoss``, or ``DomainAdversarialLoss`` (with its ``in_channels``).
        loss_universum: see ``UniversumLoss``.
        assigner: arguments of ``TargetSampleAssigner``.
        warmup_epochs: so many first epochs are trained with the classification loss alone. The published
            ``start_epoch`` plus one: its default 0 leaves out the first epoch.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_da: dict | None = None,
        loss_universum: dict | None = None,
        assigner: dict | None = None,
        warmup_epochs: int = 1,
        **kwargs,
    ) -> None:
        if kwargs.pop('form', 'conv') != 'conv':
            raise ValueError(
                "DAWSOLHead classifies with a 1x1 convolution; leave form out or set form='conv'"
            )
        super().__init__(num_classes, in_channels, form='conv', **kwargs)
        self.loss_da = MODELS.build(loss_da or dict(type='MMDLoss', loss_weight=0.3))
        self.loss_universum = MODELS.build(loss_universum or dict(type='UniversumLoss', loss_weight=2.0))
        sizes = dict(num_classes=num_classes, in_channels=self.fc.in_channels)
        self.assigner = MODELS.build({'type': 'TargetSampleAssigner', **sizes, **(assigner or {})})
        self.warmup_epochs = warmup_epochs

    def classify(self, pre_logits: Tensor) -> Tensor:
        return self.fc(pre_logits.mean((2, 3), keepdim=True)).flatten(1)  # (N, K)

    def loss(self, feats: Sequence[Tensor], data_samples: list[LocDataSample], **kwargs) -> dict[str, Tensor]:
        features = self.pre_logits(feats)  # (N, C, h, w)
        logits = self.classify(features)
        adaptation = self.over_labels(partial(self.adaptation_losses, features), data_samples, logits.device)
        return {'loss_cls': self.classification_loss(logits, data_samples), **adaptation}

    def adaptation_losses(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What the pixel features (N, C, h, w) of images with these labels add; zeros while it does not adapt."""
        if not self.adapts():
            zero = features.new_zeros(())
            return {'loss_da': zero, 'loss_universum': zero}
        samples = self.assigner(features, labels)
        return {
            'loss_da': self.loss_da(samples.source, samples.target, samples.accepted),
            'loss_universum': self.loss_universum(features, samples.groups == 0),
        }

    def adapts(self) -> bool:
        """Whether the running epoch (any outside of a training loop) is behind the warm-up and a weight is not 0."""
        epoch, epochs = current_epoch(), planned_epochs()
        weighted = any(getattr(loss, 'loss_weight', 1.0) for loss in (self.loss_da, self.loss_universum))
        if weighted and epochs is not None and self.warmup_epochs >= epochs:
            warnings.warn(
                f'DAWSOLHead leaves out the first {self.warmup_epochs} epochs (warmup_epochs) and the training loop has '
                f'{epochs} (one that counts iterations has 1): it never adapts and trains plain CAM',
                stacklevel=2,
            )
        return weighted and (epoch is None or epoch >= self.warmup_epochs)
