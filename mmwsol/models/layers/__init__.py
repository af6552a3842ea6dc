from .class_conv import class_conv2d
from .frozen_call import frozen_call
from .grid_diffusion import GridOperator, diffuse
from .minmax import minmax
from .pooled_conv import pooled_conv2d
from .precision import at_least_float32, without_autocast
from .recompute import linear_of
from .token_attention import attend, attention_matrix, attention_row, project_qkv, spatial_mask
from .weight_init import ConvWeightNormal

__all__ = [
    'ConvWeightNormal',
    'GridOperator',
    'at_least_float32',
    'attend',
    'attention_matrix',
    'attention_row',
    'class_conv2d',
    'diffuse',
    'frozen_call',
    'linear_of',
    'minmax',
    'pooled_conv2d',
    'project_qkv',
    'spatial_mask',
    'without_autocast',
]
