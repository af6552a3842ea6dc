"""SAT head on a vision transformer with a spatial token."""

from mmwsol.models.backbones import SpatialTokenViT
from mmwsol.models.heads import SATHead
from mmwsol.models.localizers import Localizer
from mmwsol.models.losses import BatchAreaLoss, NormalizationLoss

model = dict(
    type=Localizer,
    head=dict(
        type=SATHead,
        loss_area=dict(type=BatchAreaLoss, target=0.25, reduction='global'),
        loss_norm=dict(type=NormalizationLoss),
    ),
)
