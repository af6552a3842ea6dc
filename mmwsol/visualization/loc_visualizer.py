from __future__ import annotations

import numpy as np
from mmengine.visualization import Visualizer

from mmwsol.evaluation import Protocol, get_protocol, localize
from mmwsol.registry import VISUALIZERS
from mmwsol.structures import LocDataSample

from .drawing import localization_panel


@VISUALIZERS.register_module()
class LocVisualizer(Visualizer):
    """Draws predictions of localizers and hands them to its backends (files, TensorBoard, ...).

    Args:
        protocol: decides which map is drawn and where its box lies; a name or a dict with ``name`` and overrides.
    """

    def __init__(
        self, name: str = 'visualizer', protocol: str | dict | Protocol = 'choe_v2', **kwargs
    ) -> None:
        super().__init__(name, **kwargs)
        self.protocol = get_protocol(protocol)

    def draw(self, image: np.ndarray, sample: LocDataSample, protocol: Protocol | None = None) -> np.ndarray:
        """Panel (H', 2W, 3) of one network input (H, W, 3) RGB uint8 and its prediction."""
        label = int(sample.gt_label) if 'gt_label' in sample else None
        heatmap, bbox = localize(
            sample.pred_maps,
            sample.map_labels,
            label,
            protocol or self.protocol,
            image.shape[:2],
            num_classes=len(sample.pred_scores),
        )
        caption = f'predicted {int(sample.pred_label)} ({float(sample.pred_scores.max()):.2f})'
        caption += '' if label is None else f', true {label}'
        truth = sample.gt_bboxes.cpu().numpy() if 'gt_bboxes' in sample else np.empty((0, 4))
        return localization_panel(image, np.asarray(heatmap), np.asarray(bbox), truth, caption)

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: LocDataSample,
        step: int = 0,
        **_,
    ) -> None:
        self.add_image(name, self.draw(image, data_sample), step)
