from .cut_mix import CutMix
from .hide_and_seek import HideAndSeek, hide_tiles
from .loc_data_preprocessor import LocDataPreprocessor

__all__ = ['CutMix', 'HideAndSeek', 'LocDataPreprocessor', 'hide_tiles']
