from .area import AreaLoss
from .background_activation_suppression import BackgroundActivationSuppressionLoss
from .batch_area import BatchAreaLoss
from .domain_adversarial import DomainAdversarialLoss
from .mmd import MMDLoss
from .normalization import NormalizationLoss
from .seed import SeedLoss
from .universum import UniversumLoss

__all__ = [
    'AreaLoss',
    'BackgroundActivationSuppressionLoss',
    'BatchAreaLoss',
    'DomainAdversarialLoss',
    'MMDLoss',
    'NormalizationLoss',
    'SeedLoss',
    'UniversumLoss',
]
