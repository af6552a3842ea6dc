from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mmwsol import file_digest as module
from mmwsol.file_digest import file_digest


def test_digest_is_that_of_hashlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'CHUNK', 2)
    (tmp_path / 'x').write_bytes(b'abcde')
    assert file_digest(tmp_path / 'x') == hashlib.sha256(b'abcde').hexdigest()
    assert file_digest(tmp_path / 'x', 'md5') == hashlib.md5(b'abcde').hexdigest()
