from .localizer import LOCALIZED_VIEW, Localizer

__all__ = ['LOCALIZED_VIEW', 'Localizer']
