from .localizer import Localizer, localized_view

__all__ = ['Localizer', 'localized_view']
