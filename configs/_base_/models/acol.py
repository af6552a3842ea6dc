"""ACoL head on any backbone; the leaf sets channels and threshold. Every kept map costs a run of branch B: few are kept."""

from mmwsol.models.heads import ACoLHead
from mmwsol.models.localizers import Localizer

model = dict(
    type=Localizer,
    head=dict(
        type=ACoLHead,
        threshold=0.7,
        topk=1,
        init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform'),
    ),
)
