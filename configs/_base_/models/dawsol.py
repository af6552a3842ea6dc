"""DA-WSOL head on any backbone: CAM with a 1x1 convolution, its pixel features adapted to the image feature."""

from mmwsol.models.heads import DAWSOLHead
from mmwsol.models.localizers import Localizer
from mmwsol.models.losses import MMDLoss, UniversumLoss

model = dict(
    type=Localizer,
    head=dict(
        type=DAWSOLHead,
        loss_da=dict(type=MMDLoss, loss_weight=0.3),
        loss_universum=dict(type=UniversumLoss, loss_weight=2.0),
        assigner=dict(num_samples=32, anchor_update='released'),
        warmup_epochs=1,
        init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform'),
    ),
)
