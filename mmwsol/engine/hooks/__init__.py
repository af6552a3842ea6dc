from .class_count_hook import ClassCountHook
from .contact_sheet_hook import ContactSheetHook
from .draw_samples_hook import DrawSamplesHook
from .epoch_seed_hook import EpochSeedHook, seed_worker
from .selection_hook import SelectionHook

__all__ = [
    'ClassCountHook',
    'ContactSheetHook',
    'DrawSamplesHook',
    'EpochSeedHook',
    'SelectionHook',
    'seed_worker',
]
