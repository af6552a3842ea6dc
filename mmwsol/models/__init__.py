from . import backbones, data_preprocessors, heads, layers, localizers, losses, necks, post_hoc

__all__ = ['backbones', 'data_preprocessors', 'heads', 'layers', 'localizers', 'losses', 'necks', 'post_hoc']
