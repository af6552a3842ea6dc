from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmwsol.apis.resume import find_resume_checkpoint, saved_checkpoints


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """Checkpoints of the epochs 2, 9 and 10, and files that are none."""
    for name in ('epoch_2', 'epoch_9', 'epoch_10', 'best_loc_epoch_11', 'notes'):
        torch.save(dict(state_dict={}, meta=dict(epoch=1)), tmp_path / f'{name}.pth')
    return tmp_path


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def test_newest_is_the_highest_number(work_dir: Path) -> None:
    assert [path.name for path in saved_checkpoints(str(work_dir))] == [
        'epoch_10.pth',
        'epoch_9.pth',
        'epoch_2.pth',
    ]
    assert find_resume_checkpoint(str(work_dir), 'latest') == str(work_dir / 'epoch_10.pth')
    assert find_resume_checkpoint(str(work_dir), 'previous') == str(work_dir / 'epoch_10.pth')


def test_iterations_count_like_epochs(tmp_path: Path) -> None:
    for name in ('iter_50', 'iter_100'):
        torch.save({}, tmp_path / f'{name}.pth')
    assert find_resume_checkpoint(str(tmp_path), 'latest').endswith('iter_100.pth')


def test_damaged_newest_is_an_error_that_names_the_way_out(work_dir: Path) -> None:
    damage(work_dir / 'epoch_10.pth')
    with pytest.raises(ValueError, match=r'epoch_10\.pth .*--resume previous'):
        find_resume_checkpoint(str(work_dir), 'latest')


def test_previous_passes_over_damaged_ones(work_dir: Path) -> None:
    damage(work_dir / 'epoch_10.pth')
    damage(work_dir / 'epoch_9.pth')
    assert find_resume_checkpoint(str(work_dir), 'previous') == str(work_dir / 'epoch_2.pth')


def test_none_readable_is_an_error(work_dir: Path) -> None:
    for path in saved_checkpoints(str(work_dir)):
        damage(path)
    with pytest.raises(FileNotFoundError, match='none of the 3 checkpoints'):
        find_resume_checkpoint(str(work_dir), 'previous')


@pytest.mark.parametrize('choice', ['latest', 'previous'])
def test_empty_work_dir_is_an_error(tmp_path: Path, choice: str) -> None:
    with pytest.raises(FileNotFoundError, match='no checkpoint'):
        find_resume_checkpoint(str(tmp_path / 'none'), choice)


def test_a_file_is_taken_as_named_if_it_can_be_read(work_dir: Path) -> None:
    chosen = str(work_dir / 'best_loc_epoch_11.pth')
    assert find_resume_checkpoint('elsewhere', chosen) == chosen
    damage(Path(chosen))
    with pytest.raises(ValueError, match='best_loc_epoch_11'):
        find_resume_checkpoint('elsewhere', chosen)
    with pytest.raises(FileNotFoundError, match=r'no\.pth'):
        find_resume_checkpoint('elsewhere', str(work_dir / 'no.pth'))
