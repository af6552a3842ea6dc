from .area import AreaLoss
from .background_activation_suppression import BackgroundActivationSuppressionLoss
from .batch_area import BatchAreaLoss
from .normalization import NormalizationLoss

__all__ = ['AreaLoss', 'BackgroundActivationSuppressionLoss', 'BatchAreaLoss', 'NormalizationLoss']
