from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mmwsol.apis.stored_result import find_result


def store(path: Path, date: str = '2026-01-01T00:00:00', **changes: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    run = dict(config_file='configs/cam/cam_x.py', checkpoint='w/epoch_3.pth', training_seed=7)
    path.write_text(json.dumps(dict(date=date, evaluation=[], run=run) | changes))
    return path


def test_newest_result_of_a_work_dir_is_found(tmp_path: Path) -> None:
    new = store(tmp_path / 'a' / 'result.json', '2026-03-01T00:00:00')
    old = store(tmp_path / 'b' / 'result.json', '2026-02-01T00:00:00')
    os.utime(old, (2e9, 2e9))  # when the file was touched says nothing
    store(tmp_path / 'scalars.json', '2027-01-01T00:00:00')
    found = find_result(tmp_path)
    assert found.path == new
    assert (found.config_name, found.seed, found.checkpoint, found.rows) == ('cam_x', 7, 'epoch_3.pth', [])


def test_file_is_taken_as_named(tmp_path: Path) -> None:
    assert find_result(store(tmp_path / 'any.json')).path == tmp_path / 'any.json'


def test_folder_without_a_test_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'has no result\.json; test the run first'):
        find_result(tmp_path)


@pytest.mark.parametrize('content', ['{', '[]', '{"date": 1}', '3'])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / 'x.json').write_text(content)
    with pytest.raises(ValueError, match=r'is no result of tools/test\.py'):
        find_result(tmp_path / 'x.json')


def test_result_without_images_says_to_test_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='names no results by image; test again'):
        find_result(store(tmp_path / 'x.json')).load_images()
    with pytest.raises(FileNotFoundError, match='no file'):
        find_result(store(tmp_path / 'x.json', images='gone.npz')).load_images()


def test_localization_is_found_behind_other_evaluations(tmp_path: Path) -> None:
    boxes = dict(iou_thresholds=[50], rows=[dict(name='sat')])
    result = find_result(store(tmp_path / 'x.json', evaluation=[dict(rows=[dict(name='sat')]), boxes]))
    assert result.localization == boxes and len(result.rows) == 2
    assert find_result(store(tmp_path / 'y.json', evaluation=[dict(rows=[])])).localization == {}


@pytest.mark.parametrize(
    ('row', 'run', 'epoch', 'chosen_by'),
    [
        (dict(checkpoint='epoch 3, best a/b on val'), dict(checkpoint_epoch=9), 'epoch 3', 'best a/b on val'),
        ({}, dict(checkpoint_epoch=9), 'epoch 9', ''),
        ({}, {}, 'last.pth', ''),
    ],
)
def test_epoch_and_its_choice_are_told_apart(
    tmp_path: Path, row: dict, run: dict, epoch: str, chosen_by: str
) -> None:
    run = dict(checkpoint='w/last.pth') | run
    result = find_result(store(tmp_path / 'x.json', evaluation=[dict(rows=[{}, row])], run=run))
    assert (result.checkpoint_epoch, result.checkpoint_chosen_by) == (epoch, chosen_by)
