from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmwsol.evaluation.metrics import ScoreDump
from mmwsol.evaluation.prediction_file import PredictionFile


def test_written_scores_can_be_read_as_predictions(tmp_path: Path) -> None:
    scores = {f'val/{i}.jpg': torch.rand(4) for i in range(3)}
    metric = ScoreDump(str(tmp_path / 'new' / 'scores.npz'))
    for img_id, values in scores.items():
        metric.process(None, [dict(img_id=img_id, pred_scores=values)])
    assert metric.evaluate(3) == {}
    file = PredictionFile(tmp_path / 'new' / 'scores.npz')
    assert all(torch.equal(file.scores(img_id, 4), values) for img_id, values in scores.items())


def test_killed_write_leaves_the_scores_that_were_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = ScoreDump(str(tmp_path / 'scores.npz'))

    def dump(value: float) -> None:
        metric.process(None, [dict(img_id='a', pred_scores=torch.full((4,), value))])
        metric.evaluate(1)

    def fail(*_: object) -> None:
        raise OSError('disk full')

    dump(1.0)
    monkeypatch.setattr('os.replace', fail)
    with pytest.raises(OSError, match='disk full'):
        dump(2.0)
    assert PredictionFile(tmp_path / 'scores.npz').scores('a', 4).tolist() == [1.0] * 4


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'written to an \.npz file, got scores\.json'):
        ScoreDump('scores.json')
    with pytest.raises(ValueError, match=r'a\.jpg has no pred_scores with an img_id'):
        ScoreDump(str(tmp_path / 's.npz')).process(None, [dict(img_path='a.jpg', img_id='a')])
