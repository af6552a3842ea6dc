from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mmwsol.models.layers import at_least_float32
from mmwsol.registry import MODELS
from mmwsol.structures import LocDataSample

from .loc_head import LocHead, class_agnostic_labels

IGNORED = 255


@MODELS.register_module()
class FullySupervisedHead(LocHead):
    """A foreground predictor that learns from boxes or masks: the few-shot *fully supervised* baseline, no WSOL method.

    Choe et al. (CVPR 2020) compare WSOL methods, whose hyper-parameters are searched on a few fully labelled images, with
    training on these very images: a 1x1 convolution on the last feature map and a pixel-wise binary cross-entropy with the
    mask, or with the filled box where there is none. They published no code; this is our reading. The map is
    class-agnostic, the probability of foreground. A linear classifier on the pooled feature serves Top-1; it does not train
    the backbone.

    Needs a training set that hands out boxes or masks, ``FullySupervised``.

    Args:
        in_channels: of the backbone's last feature map.
    """

    def __init__(
        self, num_classes: int, in_channels: int, init_cfg: dict | list[dict] | None = None, **kwargs
    ) -> None:
        super().__init__(num_classes, init_cfg=init_cfg, **kwargs)
        self.foreground = nn.Conv2d(in_channels, 1, 1)
        self.fc = nn.Linear(in_channels, num_classes)

    def classify(self, pre_logits: Tensor) -> Tensor:
        feature = pre_logits.detach() if self.training else pre_logits  # post-hoc maps follow the gradient
        return self.fc(feature.mean((2, 3)))  # (N, K)

    def localize(self, pre_logits: Tensor, labels: Tensor) -> Tensor:
        return at_least_float32(self.foreground(pre_logits)).sigmoid()  # (N, 1, h, w)

    def kept_labels(self, logits: Tensor, data_samples: list[LocDataSample]) -> Tensor:
        return class_agnostic_labels(logits)

    def loss(self, feats: Sequence[Tensor], data_samples: list[LocDataSample], **kwargs) -> dict[str, Tensor]:
        if any('mix_label' in sample for sample in data_samples):
            raise ValueError(
                "FullySupervisedHead learns from boxes and masks, which CutMix doesn't paste; take it out of batch_augments"
            )
        pre_logits = self.pre_logits(feats)
        masks = location_masks(data_samples, kwargs['inputs'].shape[-2:], pre_logits.device)
        return {
            'loss_cls': self.classification_loss(self.classify(pre_logits), data_samples),
            'loss_mask': mask_loss(at_least_float32(self.foreground(pre_logits))[:, 0], masks),
        }


def mask_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Mean binary cross-entropy of logits (N, h, w) with the share of object in each cell of masks (N, H, W).

    Masks hold 0 background, 1 object, 255 ignored; a cell counts as far as it is not ignored.
    """
    parts = torch.stack([masks == 1, masks != IGNORED], 1).to(logits.dtype)  # (N, 2, H, W)
    objects, valid = F.adaptive_avg_pool2d(parts, (logits.shape[1], logits.shape[2])).unbind(1)  # (N, h, w)
    target = objects / valid.clamp(min=torch.finfo(valid.dtype).tiny)
    entropy = F.binary_cross_entropy_with_logits(logits, target.clamp(max=1), reduction='none')
    return (entropy * valid).sum() / valid.sum().clamp(min=1)


def location_masks(
    data_samples: Sequence[LocDataSample], size: Sequence[int], device: torch.device | str | None = None
) -> Tensor:
    """Masks (N, H, W) of 0, 1 and 255: the images' own, or their filled boxes where none has one.

    Raises:
        ValueError: an image has neither, or some have masks and some have not.
    """
    masks = [sample.gt_mask for sample in data_samples if 'gt_mask' in sample]
    if len(masks) == len(data_samples):
        return torch.stack(masks).to(device, non_blocking=True)
    for sample in data_samples:
        path = sample.get('img_path', 'a sample')
        if masks and 'gt_mask' not in sample:
            raise ValueError(
                f'{path} has no gt_mask, but other images of its batch have; FullySupervisedHead learns from masks or from '
                'boxes, not from both'
            )
        if not masks and len(sample.get('gt_bboxes', ())) == 0:
            raise ValueError(
                f'{path} has neither gt_mask nor gt_bboxes, which FullySupervisedHead learns from; train it on '
                'dict(type=FullySupervised, dataset=...)'
            )
    boxes = pad_sequence([sample.gt_bboxes for sample in data_samples], batch_first=True)  # (N, M, 4)
    boxes = boxes.to(device, non_blocking=True)
    inside = []
    for axis, side in ((1, size[0]), (0, size[1])):
        centres = torch.arange(side, device=boxes.device) + 0.5
        inside.append((boxes[..., axis, None] <= centres) & (centres < boxes[..., axis + 2, None]))
    rows, columns = (part.to(boxes.dtype) for part in inside)  # (N, M, H), (N, M, W)
    return (rows.mT @ columns > 0).to(torch.uint8)
