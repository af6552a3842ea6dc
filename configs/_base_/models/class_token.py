"""The classifier on a vision transformer's class token; its map is the token's attention."""

from mmwsol.models.heads import ClassTokenHead
from mmwsol.models.localizers import Localizer

model = dict(type=Localizer, head=dict(type=ClassTokenHead))
