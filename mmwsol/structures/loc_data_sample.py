from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor


class LocDataSample(BaseDataElement):
    """The one thing that travels from the data set through the model to metric and visualizer.

    Letters: K classes, C kept classes, M boxes, (H, W) network input, (h, w) map.

    ================ ================= ============================================================================
    data field       shape             meaning
    ================ ================= ============================================================================
    ``gt_label``     (1,) int64        image-level class index in [0, K)
    ``gt_labels``    (L,) int64        all classes of the image, ascending, in sets whose images show several
    ``gt_bboxes``    (M, 4) float32    *test only*; xyxy in pixels of the network input, neither rounded nor clipped
    ``mix_label``    (1,) int64        *training, CutMix only*; class of the image that was pasted in
    ``mix_weight``   (1,) float32      *training, CutMix only*; share of ``gt_label`` in [0, 1]; ``mix_label`` has the rest
    ``gt_mask``      (H, W) uint8      *test only*; 0 background, 1 object, 255 ignored, in the network input frame
    ``pred_scores``  (K,) float32      class probabilities
    ``pred_label``   (1,) int64        arg max of ``pred_scores``
    ``pred_maps``    (C, h, w) float32 raw localization maps of the kept classes: no normalisation, no threshold
    ``map_labels``   (C,) int64        class of each map; -1 = class-agnostic. The classes with the highest logits of
                                       the localized view come first, in falling order; if the ground-truth class was
                                       asked for, its map comes last (also when it is among the first ones)
    ================ ================= ============================================================================

    ================ ================= ============================================================================
    metainfo         type              meaning
    ================ ================= ============================================================================
    ``sample_idx``   int               index in the data set; what makes a sample countable once over all ranks
    ``img_id``       str               name of the image in its data set
    ``img_path``     str               file
    ``ori_shape``    (H, W)            size of the file's image
    ``resize_shape`` (H, W)            size after the resize, before the crop
    ``crop_offset``  (top, left)       first row and column of the crop, in the resized image
    ``img_shape``    (H, W)            size of the network input
    ``flip``         bool              mirrored left-right, after resize and crop
    ``ori_bboxes``   (M, 4) float64    *test only*; the annotation as published: xyxy, pixels of the original image
    ================ ================= ============================================================================

    ``resize_shape``, ``crop_offset`` and ``flip`` are the way back to original pixels:
    ``x_ori = (x_input + left) * W_ori / W_resize``. *Test only* has one exception, for fully supervised baselines: the data
    set ``FullySupervised``.
    """


def labelled_samples(labels: Iterable[int]) -> list[LocDataSample]:
    """A data sample for each image-level label, as training gives them to a head."""
    samples = []
    for label in labels:
        samples.append(LocDataSample())
        samples[-1].gt_label = torch.tensor([int(label)])
    return samples


def stack_gt_labels(
    data_samples: Sequence[LocDataSample], device: torch.device | str | None = None
) -> Tensor:
    """Labels of a batch, (N,) int64; ``ValueError`` names the first image that has none."""
    for sample in data_samples:
        if 'gt_label' not in sample:
            raise ValueError(
                f'{sample.get("img_path", "a sample")} has no gt_label; training and protocols that use the map of '
                'the ground-truth class need an image-level label for every image'
            )
    return torch.cat([sample.gt_label for sample in data_samples]).to(device, non_blocking=True)  # (N,)


def stack_mix_labels(
    data_samples: Sequence[LocDataSample], device: torch.device | str | None = None
) -> tuple[Tensor, Tensor] | None:
    """Second labels (N,) int64 and the share of the first ones (N,) float32; None if the batch was not mixed."""
    if 'mix_label' not in data_samples[0]:
        return None
    labels = torch.cat([sample.mix_label for sample in data_samples])
    weights = torch.cat([sample.mix_weight for sample in data_samples])
    return labels.to(device, non_blocking=True), weights.to(device, non_blocking=True)


def store_predictions(
    data_samples: list[LocDataSample], scores: Tensor, maps: Tensor, map_labels: Tensor
) -> list[LocDataSample]:
    """Put class probabilities (N, K), raw maps (N, C, h, w) and the maps' classes (N, C) into a batch's samples."""
    best = scores.argmax(1, keepdim=True)  # (N, 1)
    for i, sample in enumerate(data_samples):
        sample.set_field(scores[i], 'pred_scores')
        sample.set_field(best[i], 'pred_label')
        sample.set_field(maps[i], 'pred_maps')
        sample.set_field(map_labels[i], 'map_labels')
    return data_samples
