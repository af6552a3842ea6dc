"""SCM: TS-CAM's head whose logits pass through activation diffusion in training."""

from mmwsol.models.heads import TSCAMHead
from mmwsol.models.localizers import Localizer
from mmwsol.models.necks import ActivationDiffusion

model = dict(
    type=Localizer,
    head=dict(type=TSCAMHead, coupling='minmax', diffusion=dict(type=ActivationDiffusion, steps=(16, 4, 4, 4))),
)
