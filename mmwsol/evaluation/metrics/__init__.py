from .localization import LocalizationMetric
from .pixel import PixelMetric
from .pseudo_box import PseudoBoxMetric

__all__ = ['LocalizationMetric', 'PixelMetric', 'PseudoBoxMetric']
