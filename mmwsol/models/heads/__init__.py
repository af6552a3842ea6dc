from .bas_head import BASHead
from .cam_head import CAMHead
from .loc_head import LocHead

__all__ = ['BASHead', 'CAMHead', 'LocHead']
