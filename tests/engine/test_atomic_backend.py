from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from mmengine.fileio import get_file_backend
from mmengine.runner.checkpoint import save_checkpoint

from mmwsol.engine.atomic_backend import AtomicBackend


def test_content_arrives_and_no_temporary_file_stays(tmp_path: Path) -> None:
    target = tmp_path / 'new' / 'folder' / 'file.bin'
    AtomicBackend().put(b'abc', target)
    AtomicBackend().put_text('dé', target.with_suffix('.txt'))
    assert target.read_bytes() == b'abc' and target.with_suffix('.txt').read_text('utf-8') == 'dé'
    assert len(list(target.parent.iterdir())) == 2


@pytest.mark.parametrize('broken', ['fsync', 'replace'])
def test_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    target = tmp_path / 'epoch_1.pth'
    target.write_bytes(b'old')

    def fail(*args) -> None:
        raise OSError('disk full')

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match='disk full'):
        AtomicBackend().put(b'new', target)
    assert target.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [target]


def test_killed_process_leaves_only_a_hidden_part_beside_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / 'epoch_1.pth'
    target.write_bytes(b'old')
    monkeypatch.setattr(os, 'replace', lambda *args: None)  # killed before the rename
    monkeypatch.setattr(Path, 'unlink', lambda self, missing_ok=False: None)  # and before cleaning up
    AtomicBackend().put(b'new', target)
    assert target.read_bytes() == b'old'
    (part,) = set(tmp_path.iterdir()) - {target}
    assert part.name.startswith('.') and not part.name.endswith('.pth')


def test_checkpoint_hooks_arguments_select_it(tmp_path: Path) -> None:
    target = str(tmp_path / 'epoch_1.pth')
    assert isinstance(get_file_backend(target, backend_args=dict(backend='atomic')), AtomicBackend)
    save_checkpoint(dict(state_dict={'w': torch.ones(2)}), target, backend_args=dict(backend='atomic'))
    assert torch.load(target, weights_only=True)['state_dict']['w'].tolist() == [1, 1]
