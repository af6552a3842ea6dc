"""Lists that come as MATLAB files."""

from __future__ import annotations

from typing import Any

import mat4py


def read_mat(path: str, *keys: str) -> list[Any]:
    """The variables ``keys`` of a .mat file (version 5 to 7).

    A struct array is a dict of lists, a cell or column a flat list, also where it has one element.

    Raises:
        ValueError: the file is of another kind or has no such variable.
    """
    try:
        content = mat4py.loadmat(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: annotation file missing; check data_root and MMWSOL_DATA_ROOT'
        ) from None
    except Exception as error:  # of a damaged file mat4py raises whatever it runs into
        raise ValueError(f'{path}: not a MATLAB file of version 5 to 7 ({error})') from error
    if missing := [key for key in keys if key not in content]:
        raise ValueError(
            f'{path}: must have the variables {list(keys)}, {missing} are missing; got {list(content)}'
        )
    return [_flat(content[key]) for key in keys]


def _flat(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _flat(item) for key, item in value.items()}
    if not isinstance(value, list):
        return [value]
    return [part for item in value for part in (item if isinstance(item, list) else [item])]
