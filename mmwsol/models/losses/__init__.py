from .area import AreaLoss
from .background_activation_suppression import BackgroundActivationSuppressionLoss

__all__ = ['AreaLoss', 'BackgroundActivationSuppressionLoss']
