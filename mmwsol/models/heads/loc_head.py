from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsol.models.backbones.pretrained_weights import PretrainedModule
from mmwsol.models.layers import at_least_float32
from mmwsol.structures import LocDataSample, stack_gt_labels, stack_mix_labels, store_predictions


class LocHead(PretrainedModule):
    """Base of every head. A subclass gives ``classify`` and ``localize``; loss and prediction follow.

    ``pre_logits`` is computed once and handed to both. Letters: N batch, K classes, C kept classes.

    Args:
        num_classes: K.
        topk: maps of the so many best classes are kept at test time; more than K means all.
        keep_gt: also keep the map of the ground-truth class where a label is known (GT-known metrics need it).
        init_cfg: MMEngine initialisers; ``dict(type='Pretrained', checkpoint=..., rename={'head.': 'fc.'})`` takes a trained
            classifier out of a network's weights (:func:`load_pretrained_weights`).
    """

    def __init__(
        self, num_classes: int, topk: int = 5, keep_gt: bool = True, init_cfg: dict | list[dict] | None = None
    ) -> None:
        super().__init__(init_cfg)
        if num_classes < 1 or topk < 0 or (topk == 0 and not keep_gt):
            raise ValueError(
                f'num_classes must be positive and some map must be kept; got num_classes={num_classes}, topk={topk}, '
                f'keep_gt={keep_gt}'
            )
        self.num_classes = num_classes
        self.topk = min(topk, num_classes)
        self.keep_gt = keep_gt

    def pre_logits(self, feats: Sequence[Tensor]) -> Any:
        """What ``classify`` and ``localize`` share; by default the last feature map (N, c, h, w)."""
        return feats[-1]

    def classify(self, pre_logits: Any) -> Tensor:
        """Class logits (N, K)."""
        raise NotImplementedError(f'{type(self).__name__} must implement classify()')

    def localize(self, pre_logits: Any, labels: Tensor) -> Tensor:
        """Raw maps (N, C, h, w) of the classes ``labels`` (N, C)."""
        raise NotImplementedError(f'{type(self).__name__} must implement localize()')

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        return self.classify(self.pre_logits(feats))

    def loss(self, feats: Sequence[Tensor], data_samples: list[LocDataSample], **kwargs) -> dict[str, Tensor]:
        """Cross-entropy of the image labels.

        ``kwargs`` holds ``backbone``, for heads that enter it again, and ``inputs``, the normalised images.
        """
        return {'loss_cls': self.classification_loss(self(feats), data_samples)}

    def classification_loss(self, logits: Tensor, data_samples: list[LocDataSample]) -> Tensor:
        """Mean cross-entropy of logits (N, K); of images mixed from two, the weighted sum over both labels."""
        logits = at_least_float32(logits)
        labels = stack_gt_labels(data_samples, logits.device)
        mix = stack_mix_labels(data_samples, logits.device)
        if mix is None:
            return F.cross_entropy(logits, labels)
        first, second = (F.cross_entropy(logits, y, reduction='none') for y in (labels, mix[0]))
        return (mix[1] * first + (1 - mix[1]) * second).mean()

    def over_labels(
        self,
        losses_of: Callable[[Tensor], dict[str, Tensor]],
        data_samples: list[LocDataSample],
        device: torch.device,
    ) -> dict[str, Tensor]:
        """Losses that need the label for more than a cross-entropy, such as those on the map of the image's class.

        ``losses_of(labels)`` gives means over the batch for the labels (N,). Of images mixed from two (CutMix) it is called
        for both labels, and its losses are added with the mean shares of the batch.
        """
        losses = losses_of(stack_gt_labels(data_samples, device))
        mix = stack_mix_labels(data_samples, device)
        if mix is None:
            return losses
        share, others = mix[1].mean(), losses_of(mix[0])
        return {name: share * loss + (1 - share) * others[name] for name, loss in losses.items()}

    def predict(
        self, feats: Sequence[Tensor], data_samples: list[LocDataSample], **kwargs
    ) -> list[LocDataSample]:
        """Scores of all classes and raw maps of the kept ones, put into the data samples (see their field table)."""
        pre_logits = self.pre_logits(feats)
        logits = self.classify(pre_logits).float()
        labels = self.kept_labels(logits, data_samples)
        maps = self.localize(pre_logits, labels).float()
        return store_predictions(data_samples, logits.softmax(1), maps, labels)

    def kept_labels(self, logits: Tensor, data_samples: list[LocDataSample]) -> Tensor:
        """Classes of the maps that are kept: the best ``topk`` in falling order, then the ground truth, (N, C)."""
        kept = [logits.topk(self.topk, dim=1).indices]
        if self.keep_gt and all('gt_label' in sample for sample in data_samples):
            kept.append(stack_gt_labels(data_samples, logits.device)[:, None])
        elif self.topk == 0:
            kept = [logits.argmax(1, keepdim=True)]
        return torch.cat(kept, 1)


def class_agnostic_labels(logits: Tensor) -> Tensor:
    """``kept_labels`` of a head with a single map, of no class: -1 for each image, (N, 1)."""
    return logits.new_full((len(logits), 1), -1, dtype=torch.int64)
