from .drawing import contact_sheet, draw_boxes, localization_panel, overlay_heatmap
from .loc_visualizer import LocVisualizer

__all__ = ['LocVisualizer', 'contact_sheet', 'draw_boxes', 'localization_panel', 'overlay_heatmap']
