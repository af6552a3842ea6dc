from .localization import LocalizationMetric
from .pixel import PixelMetric

__all__ = ['LocalizationMetric', 'PixelMetric']
