from .class_count_hook import ClassCountHook
from .contact_sheet_hook import ContactSheetHook
from .draw_samples_hook import DrawSamplesHook
from .epoch_seed_hook import EpochSeedHook, seed_worker

__all__ = ['ClassCountHook', 'ContactSheetHook', 'DrawSamplesHook', 'EpochSeedHook', 'seed_worker']
