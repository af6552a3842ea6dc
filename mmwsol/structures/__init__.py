from .loc_data_sample import LocDataSample, stack_gt_labels, stack_mix_labels

__all__ = ['LocDataSample', 'stack_gt_labels', 'stack_mix_labels']
