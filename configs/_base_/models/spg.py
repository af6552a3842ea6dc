"""SPG head on any staged backbone; the leaf sets channels and the thresholds of the guides (here the published defaults)."""

from mmwsol.models.heads import SPGHead
from mmwsol.models.localizers import Localizer
from mmwsol.models.losses import SeedLoss

model = dict(
    type=Localizer,
    head=dict(
        type=SPGHead,
        loss_b2=dict(type=SeedLoss, high=0.7, low=0.01),
        loss_b1=dict(type=SeedLoss, high=0.5, low=0.05),
        loss_c=dict(type=SeedLoss, high=0.7, low=0.1),
        init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform'),
    ),
)
