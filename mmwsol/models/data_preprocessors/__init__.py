from .loc_data_preprocessor import LocDataPreprocessor

__all__ = ['LocDataPreprocessor']
