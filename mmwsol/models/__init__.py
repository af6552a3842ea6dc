from . import backbones, data_preprocessors, heads, layers, localizers, losses

__all__ = ['backbones', 'data_preprocessors', 'heads', 'layers', 'localizers', 'losses']
