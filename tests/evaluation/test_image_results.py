from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planted_results import planted_results

from mmwsol.evaluation.functional.error_breakdown import ERROR_NAMES
from mmwsol.evaluation.image_results import ImageResults, merge_image_results

KINDS = ['correct', 'part', 'classification', 'correct', 'more']


def assert_equal(found: ImageResults, expected: ImageResults) -> None:
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(found.columns[name], values)
    for one, other in zip(found.gt_bboxes, expected.gt_bboxes, strict=True):
        np.testing.assert_array_equal(one, other)
    for maps, others in zip(found.heatmaps, expected.heatmaps, strict=True):
        for one, other in zip(maps, others, strict=True):
            np.testing.assert_array_equal(one, other)
    for row, other in zip(found.rows, expected.rows, strict=True):
        for key in ('name', 'protocol', 'source', 'threshold', 'heatmap', 'numbers', 'thresholds'):
            assert getattr(row, key) == getattr(other, key)
        for key in ('boxes', 'ious', 'kinds'):
            np.testing.assert_array_equal(getattr(row, key), getattr(other, key))
        assert list(row.hits) == list(other.hits)
        for name, hits in other.hits.items():
            np.testing.assert_array_equal(row.hits[name], hits)
    assert found.classes == expected.classes


def test_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    results = planted_results(KINDS, labels=[0, 1, 2, 1, 0])
    results.gt_bboxes[1] = np.array([[0.5, 1, 2, 3], [4, 5, 6, 7]])  # another number of boxes
    results.heatmaps[0][2] = np.arange(6, dtype=np.uint8).reshape(2, 3)  # and another shape
    results.save(tmp_path / 'new' / 'x.images.npz')
    assert_equal(ImageResults.load(tmp_path / 'new' / 'x.images.npz'), results)
    assert [p.name for p in (tmp_path / 'new').iterdir()] == ['x.images.npz']


def test_maps_can_stay_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = planted_results(KINDS)
    results.save(tmp_path / 'x.images.npz')
    read: list[str] = []
    get = np.lib.npyio.NpzFile.__getitem__
    monkeypatch.setattr(
        np.lib.npyio.NpzFile, '__getitem__', lambda self, key: read.append(key) or get(self, key)
    )
    found = ImageResults.load(tmp_path / 'x.images.npz', maps=False)
    assert read and not any(key.startswith('map/') for key in read)
    results.heatmaps = []
    assert_equal(found, results)


def test_errors_are_counted_by_kind() -> None:
    counts = planted_results(KINDS).error_counts()['tscam']
    assert dict(zip(ERROR_NAMES, counts.tolist())) == {
        'classification': 1,
        'correct': 2,
        'multi-instance': 0,
        'part': 1,
        'more': 1,
        'other': 0,
    }


def test_killed_write_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'x.images.npz'
    planted_results(KINDS).save(path)

    def fail(*_: object) -> None:
        raise OSError('disk full')

    monkeypatch.setattr('os.replace', fail)
    with pytest.raises(OSError, match='disk full'):
        planted_results(KINDS[:2]).save(path)
    assert len(ImageResults.load(path)) == 5 and len(list(tmp_path.iterdir())) == 1


def test_processes_are_merged_in_the_order_of_the_data_set() -> None:
    whole = planted_results(KINDS, shares=[0.1, 0.2, 0.3, 0.4, 0.5])

    def part(indices: list[int]) -> ImageResults:
        some = planted_results(
            [KINDS[i] for i in indices],
            shares=[(i + 1) / 10 for i in indices],
            **{name: values[indices] for name, values in whole.columns.items()},
        )
        some.rows[0].numbers = whole.rows[0].numbers
        return some

    empty = ImageResults({'label': np.empty(0)}, [], [], [])
    assert_equal(merge_image_results([part([1, 4]), empty, part([3, 0, 2])]), whole)


def test_object_share_is_that_of_the_largest_true_box() -> None:
    results = planted_results(KINDS[:2], shares=[0.25, 0.25])
    results.gt_bboxes[1] = np.array([[0, 0, 8, 6], [0, 0, 80, 30], [-5, 0, 3, 6]], float)
    assert results.object_shares().tolist() == [0.25, 0.5]


def test_rows_are_found_by_name() -> None:
    results = planted_results(KINDS)
    assert results.row() is results.row('tscam') is results.rows[0]
    with pytest.raises(ValueError, match="no row 'bas'; there are tscam"):
        results.row('bas')


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'tools/test\.py writes it'):
        ImageResults.load(tmp_path / 'none.npz')
    (tmp_path / 'x.npz').write_bytes(b'no archive')
    np.savez(tmp_path / 'y.npz', a=np.zeros(2))
    planted_results(KINDS).save(tmp_path / 'whole.npz')
    content = (tmp_path / 'whole.npz').read_bytes()
    (tmp_path / 'cut.npz').write_bytes(content[: len(content) // 2])
    broken = bytearray(content)
    middle = content.index(b'image/label')
    broken[middle + 20 : middle + 40] = bytes(20)
    (tmp_path / 'broken.npz').write_bytes(broken)
    (tmp_path / 'empty.npz').touch()
    for name in ('x.npz', 'y.npz', 'cut.npz', 'broken.npz', 'empty.npz'):
        with pytest.raises(ValueError, match='is no file of results by image'):
            ImageResults.load(tmp_path / name)


def test_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted_results(KINDS).save(tmp_path / 'x.npz')
    monkeypatch.setattr('mmwsol.evaluation.image_results.FORMAT', 2)
    with pytest.raises(ValueError, match='has format 1, but this version reads 2'):
        ImageResults.load(tmp_path / 'x.npz')
