from .acol_head import ACoLHead
from .bas_head import BASHead
from .cam_head import CAMHead
from .class_token_head import ClassTokenHead
from .dawsol_head import DAWSOLHead
from .fully_supervised_head import FullySupervisedHead
from .loc_head import LocHead
from .sat_head import SATHead
from .spg_head import SPGHead
from .tokencut_head import TokenCutHead
from .tscam_head import TSCAMHead

__all__ = [
    'ACoLHead',
    'BASHead',
    'CAMHead',
    'ClassTokenHead',
    'DAWSOLHead',
    'FullySupervisedHead',
    'LocHead',
    'SATHead',
    'SPGHead',
    'TSCAMHead',
    'TokenCutHead',
]
