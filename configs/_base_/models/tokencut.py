"""TokenCut head on the keys, or the patch tokens, of a frozen vision transformer."""

from mmwsol.models.heads import TokenCutHead
from mmwsol.models.localizers import Localizer

model = dict(type=Localizer, head=dict(type=TokenCutHead, tau=0.2))
