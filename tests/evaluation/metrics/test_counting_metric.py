from __future__ import annotations

import pytest

from mmwsol.evaluation.metrics.counting_metric import CountingMetric, state_choice
from mmwsol.evaluation.protocols import get_protocols
from mmwsol.evaluation.selection import switches_of

CHOICE = dict(name='strict', source='val', threshold=0.3, value=70.0, split='val', images=9)
STATED = dict(split='val', images=9, value=70.0)


class Ones(CountingMetric):
    """Counts what it is given; its plan is the thresholds."""

    def __init__(self, protocols='strict', **kwargs):
        super().__init__(protocols, lambda resolved: [p.thresholds for p in resolved], **kwargs)

    def process(self, data_batch, data_samples):
        self.results.append(len(data_samples))

    def compute_metrics(self, results):
        self.summary = dict(num_images=sum(results))
        return dict(count=float(sum(results)))


@pytest.fixture()
def selection():
    (strict,) = get_protocols('strict')
    choice = CHOICE | dict(switches=switches_of(strict))
    return dict(choices=[choice], epoch=3, iter=12, split='val', metrics={}, best_by='wsol/strict/IoU')


def test_names_take_the_prefix_and_results_are_used_up():
    metric = Ones(prefix='x')
    metric.process(None, [{}, {}])
    assert metric.evaluate(2) == {'x/count': 2.0}
    assert metric.evaluate(0) == {'x/count': 0.0}


def test_without_a_prefix_names_stay():
    assert Ones().evaluate(0) == {'count': 0.0}


def test_plan_is_made_again_at_the_thresholds_of_a_checkpoint(selection):
    metric = Ones(['strict', dict(name='bas_ext', threshold=0.1)])
    before = metric.plan
    metric.take_selection(selection, 'x.pth')
    assert metric.plan == [(0.3,), (0.1,)] != before
    rows = [{}, {}]
    metric.state_checkpoint(rows)
    assert rows == [dict(checkpoint='epoch 3, best wsol/strict/IoU on val')] * 2


def test_without_a_selection_nothing_is_stated():
    rows = [{}]
    Ones('bas_ext').state_checkpoint(rows)
    assert rows == [{}]


def test_choice_is_stated_under_the_key_that_is_asked_for():
    row = {}
    state_choice(row, CHOICE, 'threshold_source')
    assert row == dict(threshold_source='val', threshold_from=STATED)
