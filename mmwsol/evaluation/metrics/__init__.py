from .localization import LocalizationMetric

__all__ = ['LocalizationMetric']
