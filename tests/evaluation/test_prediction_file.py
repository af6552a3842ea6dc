from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmwsol.evaluation.functional.localization_accuracy import score_ranks
from mmwsol.evaluation.prediction_file import PredictionFile


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def rank(file: PredictionFile, img_id: str, label: int, num_classes: int = 9) -> int:
    return int(score_ranks(file.scores(img_id, num_classes).numpy()[None], np.array([label]))[0])


def test_scores_are_those_of_the_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / 'scores.npz', **{'val/a.jpg': np.array([0.1, 0.7, 0.2])})
    file = PredictionFile(tmp_path / 'scores.npz')
    np.testing.assert_allclose(file.scores('val/a.jpg', 3), [0.1, 0.7, 0.2], rtol=1e-6)
    assert 'val/a.jpg' in file and 'a.jpg' not in file
    assert (file.max_label, file.shortest_list) == (-1, 5)


@pytest.mark.parametrize(
    ('name', 'content'),
    [('p.json', {'a.jpg': [4, 2], 'b.jpg': [0, 1, 8]}), ('p.csv', 'a.jpg,4,2\n\nb.jpg,0,1,8\n')],
)
def test_listed_labels_lead_in_their_order(tmp_path: Path, name: str, content: object) -> None:
    file = PredictionFile(write(tmp_path / name, content))
    assert [rank(file, 'a.jpg', label) for label in (4, 2)] == [0, 1]
    assert [rank(file, 'b.jpg', label) for label in (0, 1, 8)] == [0, 1, 2]
    assert min(rank(file, 'a.jpg', label) for label in (0, 1, 3, 8)) >= 5, (
        'a label that is not listed is in no Top-5'
    )
    assert (file.max_label, file.shortest_list) == (8, 2)


def test_numbers_with_a_point_are_scores(tmp_path: Path) -> None:
    file = PredictionFile(write(tmp_path / 'p.json', {'a': [0.5, 2.0, 1.0]}))
    assert [rank(file, 'a', label, 3) for label in (1, 2, 0)] == [0, 1, 2]


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('p.csv', 'a.jpg,cat\n', r'rows of .* must be image_id,label'),
        ('p.csv', 'a.jpg\n', r'must list labels from 0 for a\.jpg, got \[\]'),
        ('p.json', {'a': [-1]}, r'must list labels from 0 for a, got \[-1\]'),
        ('p.json', [1, 2], 'must be an object with a list'),
        ('p.json', {'a': 3}, 'must be an object with a list'),
    ],
)
def test_other_forms_are_refused(tmp_path: Path, name: str, content: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PredictionFile(write(tmp_path / name, content))


def test_missing_file_image_and_class_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='there is no prediction file'):
        PredictionFile(tmp_path / 'none.csv')
    file = PredictionFile(write(tmp_path / 'p.csv', 'a.jpg,7\n'))
    with pytest.raises(ValueError, match=r'no prediction for 1 of 2 images, e\.g\. b\.jpg'):
        file.require(['a.jpg', 'b.jpg'])
    with pytest.raises(ValueError, match=r'no prediction for 1 of 1 images'):
        file.scores('b.jpg', 9)
    with pytest.raises(ValueError, match=r'lists the label 7 for a\.jpg, expected 0\.\.4'):
        file.scores('a.jpg', 5)
    scores = PredictionFile(write(tmp_path / 'p.json', {'a': [0.5, 2.0]}))
    with pytest.raises(ValueError, match='has 2 scores for a, expected 3'):
        scores.scores('a', 3)
