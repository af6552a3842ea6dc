from __future__ import annotations

import numpy as np
import pytest

from mmwsol.evaluation import get_protocol
from mmwsol.evaluation.pixel_counters import PixelPlan
from mmwsol.evaluation.pixel_report import format_pixel_table, pixel_metrics, pixel_summary


@pytest.fixture
def summary() -> dict:
    """Bins [0, .5), [.5, 1), [1, 2): 6 background pixels and 2 object ones, one of each found."""
    plan = PixelPlan([get_protocol('choe_v2', threshold=0.5)], 0.2, 0.5)
    scores = np.array([[5, 1, 0, 0], [1, 0, 1, 0]])
    counters = {
        'images': 2,
        'objects': 2,
        'scores/0': scores,
        'scores/centre Gaussian': scores,
        'mask/0': np.array([1, 1, 1]),
        'mask/centre Gaussian': np.array([1, 0, 1]),
        'mean/0': 40.0,
        'mean/centre Gaussian': 50.0,
        'mean/whole': 25.0,
    }
    return pixel_summary(plan, counters)


def test_numbers_are_mental_arithmetic(summary):
    row = summary['rows'][0]
    # thresholds 1, .5, 0: precision 1/1, 1/2, 2/8; recall 1/2, 1/2, 1; IoU 1/2, 1/3, 1/4
    assert row['PxAP'] == pytest.approx(100 * (1 * 0.5 + 0.25 * 0.5))
    assert (row['pIoU'], row['pIoU threshold'], row['threshold_source']) == (50, 1, 'oracle')
    assert (row['mask IoU'], row['mask threshold'], row['mask threshold source']) == (40, 0.5, 'fixed')
    assert row['pooled IoU'] == pytest.approx(100 / 3)


def test_baselines_are_a_constant_map_and_the_centre(summary):
    whole, centre = summary['baselines']
    assert [whole[key] for key in ('PxAP', 'pIoU', 'mask IoU', 'pooled IoU')] == [25, 25, 25, 25]
    assert (centre['mask IoU'], centre['pooled IoU'], centre['mask threshold']) == (50, 50, 0.2)
    assert (whole['mask threshold source'], centre['mask threshold source']) == ('fixed', 'default')


def test_metrics_are_named_by_row(summary):
    metrics = pixel_metrics(summary)
    assert set(metrics) == {
        f'{row}/{metric}'
        for row in ('choe_v2', 'whole_image', 'centre_Gaussian')
        for metric in ('PxAP', 'pIoU', 'mask IoU', 'pooled IoU')
    }


def test_table_has_one_line_a_row(summary):
    heading, _, row, *_ = format_pixel_table(summary).splitlines()
    assert (
        ' '.join(heading.split()) == 'protocol PxAP pIoU threshold source mask IoU pooled IoU at from images'
    )
    assert row.split() == ['choe_v2', '62.50', '50.00', '1', 'oracle', '40.00', '33.33', '0.5', 'fixed', '2']
