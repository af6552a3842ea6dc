"""TS-CAM head on a vision transformer: class token attention times semantic maps."""

from mmwsol.models.heads import TSCAMHead
from mmwsol.models.localizers import Localizer

model = dict(type=Localizer, head=dict(type=TSCAMHead, coupling='raw'))
