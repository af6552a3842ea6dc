from .localization import LocalizationMetric
from .pixel import PixelMetric
from .pseudo_box import PseudoBoxMetric
from .score_dump import ScoreDump

__all__ = ['LocalizationMetric', 'PixelMetric', 'PseudoBoxMetric', 'ScoreDump']
