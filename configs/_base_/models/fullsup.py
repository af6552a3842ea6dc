"""FULLY SUPERVISED: a foreground predictor that learns from boxes or masks, on any backbone. No WSOL method."""

from mmwsol.models.heads import FullySupervisedHead
from mmwsol.models.localizers import Localizer

model = dict(
    type=Localizer,
    head=dict(type=FullySupervisedHead, init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform')),
)
