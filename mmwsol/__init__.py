"""Weakly supervised object localization on MMEngine."""

from . import compat

compat.apply()

from . import registry  # noqa: E402, F401  (child registries exist as soon as the package is imported)
from .version import __version__  # noqa: E402

__all__ = ['__version__']
