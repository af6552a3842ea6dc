from . import backbones, data_preprocessors, heads, layers, localizers, losses, necks

__all__ = ['backbones', 'data_preprocessors', 'heads', 'layers', 'localizers', 'losses', 'necks']
