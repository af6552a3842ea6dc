from .bas_head import BASHead
from .cam_head import CAMHead
from .dawsol_head import DAWSOLHead
from .loc_head import LocHead
from .sat_head import SATHead
from .tokencut_head import TokenCutHead
from .tscam_head import TSCAMHead

__all__ = ['BASHead', 'CAMHead', 'DAWSOLHead', 'LocHead', 'SATHead', 'TSCAMHead', 'TokenCutHead']
