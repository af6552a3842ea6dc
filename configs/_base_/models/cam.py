"""CAM head on any backbone: global average pooling and a linear classifier."""

from mmwsol.models.heads import CAMHead
from mmwsol.models.localizers import Localizer

model = dict(
    type=Localizer,
    head=dict(type=CAMHead, form='linear', init_cfg=dict(type='Normal', layer='Linear', std=0.01)),
)
