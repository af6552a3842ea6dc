from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from mmwsol.apis.run_record import describe_run, package_versions
from mmwsol.file_digest import file_digest


class Birds(list):
    data_root = 'birds'
    split = 'test'


def test_versions_name_what_is_installed() -> None:
    versions = package_versions()
    assert versions['torch'].split('+')[0] == torch.__version__.split('+')[0]
    assert {'python', 'mmwsol', 'mmengine', 'numpy'} <= set(versions)


def test_record_holds_what_repeats_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MMWSOL_DATA_ROOT', '/data/somewhere')
    path = tmp_path / 'epoch_3.pth'
    torch.save(dict(state_dict={}, meta=dict(epoch=3, seed=6, cfg='lr = 1')), path)
    runner = SimpleNamespace(
        cfg=Config(dict(a=1)), seed=7, test_dataloader=SimpleNamespace(dataset=Birds(range(5)))
    )
    record = json.loads(json.dumps(describe_run(runner, str(path))))
    assert record['config'].strip() == 'a = 1' and record['training_config'] == 'lr = 1'
    assert (record['checkpoint'], record['checkpoint_sha256']) == (str(path), file_digest(path))
    assert (record['checkpoint_epoch'], record['training_seed'], record['seed']) == (3, 6, 7)
    assert record['data'] == dict(type='Birds', root='birds', split='test', images=5)
    assert record['data_root_variable'] == '/data/somewhere' and record['processes'] == 1
    assert {'system', 'processor', 'device', 'threads'} == set(record['machine'])


def test_checkpoint_without_meta_is_recorded_too(tmp_path: Path) -> None:
    torch.save(dict(state_dict={}), tmp_path / 'bare.pth')
    runner = SimpleNamespace(cfg=Config(dict()), seed=0, test_dataloader=SimpleNamespace(dataset=Birds()))
    assert describe_run(runner, str(tmp_path / 'bare.pth'))['checkpoint_epoch'] is None


def test_pretrained_weights_of_the_config_have_no_file_to_hash() -> None:
    runner = SimpleNamespace(cfg=Config(dict()), seed=0, test_dataloader=SimpleNamespace(dataset=Birds()))
    record = describe_run(runner, 'pretrained')
    assert record['checkpoint'] == 'pretrained' and record['checkpoint_sha256'] is None
