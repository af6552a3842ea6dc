from __future__ import annotations

import pytest

from mmwsol.datasets.mat_files import read_mat


@pytest.mark.parametrize('count', [1, 2, 300])
def test_cells_columns_and_struct_arrays_are_flat_lists(tmp_path, write_mat, count):
    names = [f'n{i % 7:0{1 + i % 5}d}/C V.jpg' for i in range(count)]
    numbers = list(range(1, count + 1))
    write_mat(tmp_path / 'a.mat', names=names, numbers=numbers, table={'id': numbers, 'name': names})
    assert read_mat(str(tmp_path / 'a.mat'), 'numbers', 'names') == [numbers, names]
    assert read_mat(str(tmp_path / 'a.mat'), 'table') == [{'id': numbers, 'name': names}]


def test_errors_name_the_file(tmp_path, write_mat):
    path = tmp_path / 'a.mat'
    with pytest.raises(FileNotFoundError, match=r'a\.mat: annotation file missing'):
        read_mat(str(path), 'x')
    write_mat(path, numbers=[1.0])
    with pytest.raises(
        ValueError, match=r"variables \['names'\], \['names'\] are missing; got \['numbers'\]"
    ):
        read_mat(str(path), 'names')
    path.write_bytes(path.read_bytes()[:160])
    with pytest.raises(ValueError, match=r'a\.mat: not a MATLAB file'):
        read_mat(str(path), 'numbers')
