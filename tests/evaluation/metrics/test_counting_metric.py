from __future__ import annotations

from mmwsol.evaluation.metrics.counting_metric import CountingMetric


class Ones(CountingMetric):
    """Counts what it is given."""

    def process(self, data_batch, data_samples):
        self.results.append(len(data_samples))

    def compute_metrics(self, results):
        self.summary = dict(num_images=sum(results))
        return dict(count=float(sum(results)))


def test_names_take_the_prefix_and_results_are_used_up():
    metric = Ones(prefix='x')
    metric.process(None, [{}, {}])
    assert metric.evaluate(2) == {'x/count': 2.0}
    assert metric.evaluate(0) == {'x/count': 0.0}


def test_without_a_prefix_names_stay():
    assert Ones().evaluate(0) == {'count': 0.0}
