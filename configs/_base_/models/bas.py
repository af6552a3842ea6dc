"""BAS head on any staged backbone; the leaf sets channels, split and weights."""

from mmwsol.models.heads import BASHead
from mmwsol.models.localizers import Localizer
from mmwsol.models.losses import AreaLoss, BackgroundActivationSuppressionLoss

model = dict(
    type=Localizer,
    head=dict(
        type=BASHead,
        final_relu=False,
        loss_bas=dict(type=BackgroundActivationSuppressionLoss, relu=True, replaced_value=1.0),
        loss_area=dict(type=AreaLoss, loss_weight=1.5),
        init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform'),
    ),
)
