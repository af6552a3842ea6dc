from .loc_data_sample import (
    LocDataSample,
    labelled_samples,
    stack_gt_labels,
    stack_mix_labels,
    store_predictions,
)

__all__ = ['LocDataSample', 'labelled_samples', 'stack_gt_labels', 'stack_mix_labels', 'store_predictions']
