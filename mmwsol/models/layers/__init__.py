from .adl import ADL
from .class_conv import class_conv2d
from .frozen_call import frozen_call
from .grid_diffusion import GridOperator, diffuse
from .kmeans import Clusters, kmeans
from .minmax import minmax
from .pooled_conv import pooled_conv2d
from .precision import at_least_float32, without_autocast
from .recompute import linear_of
from .target_sample_assigner import TargetSampleAssigner, TargetSamples
from .token_attention import (
    attend,
    attention_matrix,
    attention_row,
    patch_attention,
    project_qkv,
    spatial_mask,
)
from .training_progress import common_draw, current_epoch, planned_epochs, training_progress
from .weight_init import ConvWeightNormal

__all__ = [
    'ADL',
    'Clusters',
    'ConvWeightNormal',
    'GridOperator',
    'TargetSampleAssigner',
    'TargetSamples',
    'at_least_float32',
    'attend',
    'attention_matrix',
    'attention_row',
    'class_conv2d',
    'common_draw',
    'current_epoch',
    'diffuse',
    'frozen_call',
    'kmeans',
    'linear_of',
    'minmax',
    'patch_attention',
    'planned_epochs',
    'pooled_conv2d',
    'project_qkv',
    'spatial_mask',
    'training_progress',
    'without_autocast',
]
