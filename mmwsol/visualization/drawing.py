"""Pictures of localization as pure functions: heat map over image, boxes, contact sheet. All images are RGB uint8."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

GT_COLOR = (40, 200, 60)
PRED_COLOR = (235, 50, 40)


def overlay_heatmap(image: np.ndarray, heatmap: np.ndarray, alpha: float = 0.5) -> np.ndarray:
    """Jet colours of ``heatmap`` (H, W) in [0, 1] (NaN counts as 0) mixed into ``image`` (H, W, 3) with weight alpha."""
    if heatmap.shape != image.shape[:2]:
        raise ValueError(f'heat map {heatmap.shape} and image {image.shape[:2]} must have one size')
    levels = (np.nan_to_num(heatmap).clip(0, 1) * 255).astype(np.uint8)
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_JET)[..., ::-1]
    return cv2.addWeighted(np.ascontiguousarray(image), 1 - alpha, np.ascontiguousarray(colors), alpha, 0)


def draw_boxes(image: np.ndarray, bboxes: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """``bboxes`` (M, 4) xyxy as outlines in a copy of ``image``."""
    image = np.ascontiguousarray(image).copy()
    width = max(2, round(min(image.shape[:2]) / 100))
    for x0, y0, x1, y1 in np.asarray(bboxes, np.float64).reshape(-1, 4).round().astype(int).tolist():
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), color, width)
    return image


def write_caption(image: np.ndarray, text: str) -> np.ndarray:
    """A line of text, as large as fits, on a white strip below a copy of ``image``."""
    font, width = cv2.FONT_HERSHEY_SIMPLEX, image.shape[1]
    (text_width, _), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = min(0.5, (width - 6) / max(text_width, 1))
    (_, height), baseline = cv2.getTextSize(text, font, scale, 1)
    strip = np.full((height + baseline + 6, width, 3), 255, np.uint8)
    cv2.putText(strip, text, (3, height + 3), font, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([image, strip])


def localization_panel(
    image: np.ndarray,
    heatmap: np.ndarray,
    pred_bboxes: np.ndarray,
    gt_bboxes: np.ndarray,
    caption: str = '',
    min_size: int = 200,
) -> np.ndarray:
    """Image with the true boxes (green) and predicted ones (red), beside it the heat map with the predicted ones.

    Images with a side below ``min_size`` pixels are enlarged by a whole factor first.
    """
    factor = -(-min_size // min(image.shape[:2]))
    if factor > 1:
        size = (image.shape[1] * factor, image.shape[0] * factor)
        image, heatmap = cv2.resize(np.ascontiguousarray(image), size), cv2.resize(heatmap, size)
        pred_bboxes, gt_bboxes = np.asarray(pred_bboxes) * factor, np.asarray(gt_bboxes) * factor
    left = draw_boxes(draw_boxes(image, gt_bboxes, GT_COLOR), pred_bboxes, PRED_COLOR)
    right = draw_boxes(overlay_heatmap(image, heatmap), pred_bboxes, PRED_COLOR)
    panel = np.concatenate([left, right], 1)  # (H, 2W, 3)
    return write_caption(panel, caption) if caption else panel


def contact_sheet(panels: Sequence[np.ndarray], columns: int = 4, gap: int = 4) -> np.ndarray:
    """Panels in rows on white; smaller ones are padded to the largest."""
    if not panels:
        raise ValueError('a contact sheet needs at least one picture')
    height = max(panel.shape[0] for panel in panels) + gap
    width = max(panel.shape[1] for panel in panels) + gap
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, panel in enumerate(panels):
        top, left = i // columns * height, i % columns * width
        sheet[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
    return sheet
