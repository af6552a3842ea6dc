from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner.checkpoint import CheckpointLoader

from mmwsol import compat


def training_checkpoint() -> dict:
    """What a Runner saves: weights, optimizer, and a message hub with buffers and numpy scalars."""
    hub = MessageHub('compat checkpoint')
    for step in range(3):
        hub.update_scalar('train/loss', torch.tensor(float(step)))
        hub.update_scalar('train/lr', np.float64(0.5))
    hub.update_info_dict(
        dict(epoch=1, best=np.float32(0.25), hits=np.int64(7), ok=np.bool_(True), maps=np.ones(2))
    )
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    parameter.sum().backward()
    optimizer.step()
    return dict(
        meta=dict(epoch=1, seed=6, cfg='text'),
        state_dict=dict(w=parameter.detach()),
        optimizer=optimizer.state_dict(),
        message_hub=hub.state_dict(),
    )


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / 'epoch_1.pth'
    torch.save(training_checkpoint(), path)
    return path


def test_mmengines_own_checkpoints_are_read_back(checkpoint: Path) -> None:
    content = compat.load_checkpoint_file(checkpoint)
    buffer = content['message_hub']['log_scalars']['train/loss']
    assert isinstance(buffer, HistoryBuffer) and buffer.data[0].tolist() == [0, 1, 2]
    assert buffer.mean() == 1 and buffer.current() == 2
    info = content['message_hub']['runtime_info']
    assert info['best'] == 0.25 and info['hits'] == 7 and info['ok'] and info['maps'].tolist() == [1, 1]
    assert content['state_dict']['w'].tolist() == pytest.approx([0.9, 0.9])


def test_mmengines_loader_goes_through_the_safe_one(checkpoint: Path) -> None:
    content = CheckpointLoader.load_checkpoint(str(checkpoint), map_location='cpu')
    assert isinstance(content['message_hub']['log_scalars']['train/lr'], HistoryBuffer)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        CheckpointLoader.load_checkpoint(str(checkpoint.with_name('no.pth')))


def test_message_hub_goes_on_from_what_was_read(checkpoint: Path) -> None:
    hub = MessageHub('compat resumed')
    hub.load_state_dict(compat.load_checkpoint_file(checkpoint)['message_hub'])
    hub.update_scalar('train/loss', 7.0)
    assert hub.get_scalar('train/loss').current() == 7


class Payload:
    """Calls a function when it is unpickled."""

    def __init__(self, function: object, *args: object) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple:
        return self.call


def test_payload_that_runs_a_command_is_refused_and_not_run(tmp_path: Path) -> None:
    trace, path = tmp_path / 'trace', tmp_path / 'evil.pth'
    torch.save(dict(state_dict={}, x=Payload(os.system, f'touch {trace}')), path)
    with pytest.raises(ValueError, match='not loaded for safety'):
        compat.load_checkpoint_file(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    'target', [(HistoryBuffer, '__init__'), (np.ndarray, 'max'), (HistoryBuffer, '_statistics_methods')]
)
def test_getattr_is_allowed_for_statistics_of_the_history_buffer_only(tmp_path: Path, target: tuple) -> None:
    path = tmp_path / 'evil.pth'
    torch.save(dict(x=Payload(getattr, *target)), path)
    with pytest.raises(ValueError, match='not loaded for safety'):
        compat.load_checkpoint_file(path)


@pytest.mark.parametrize('keep', [0.0, 0.3, 0.9])
def test_truncated_file_is_named_with_the_way_to_go_on(checkpoint: Path, keep: float) -> None:
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValueError, match=r'epoch_1\.pth \(\d+ bytes\): it is damaged.*--resume previous'):
        compat.load_checkpoint_file(checkpoint)


def test_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'nothing\.pth does not exist'):
        compat.load_checkpoint_file(tmp_path / 'nothing.pth')


def test_url_is_downloaded_once_and_read_safely(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads: list[str] = []

    def download(url: str, target: str) -> None:
        downloads.append(url)
        Path(target).write_bytes(checkpoint.read_bytes())

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    for _ in range(2):
        content = CheckpointLoader.load_checkpoint('https://host/path/net.pth?x=1', map_location='cpu')
        assert content['meta']['seed'] == 6
    assert downloads == ['https://host/path/net.pth?x=1']
    assert (tmp_path / 'hub' / 'checkpoints' / 'net.pth').is_file()


def test_healthy_torchvision_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.modules['torchvision']
    monkeypatch.setattr(
        torch.library, 'Library', lambda *args: pytest.fail('a healthy torchvision was repaired')
    )
    compat.ensure_torchvision()
    assert sys.modules['torchvision'] is before


def test_torchvision_without_its_binary_gets_the_two_missing_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    errors, defined = [RuntimeError('operator torchvision::nms does not exist')], []
    library = SimpleNamespace(define=lambda schema: defined.append(schema.split('(')[0]))
    monkeypatch.setattr(sys, 'modules', {'torchvision.ops': None, 'torchvision_other': None})
    monkeypatch.setattr(torch.library, 'Library', lambda *args: library)
    monkeypatch.setattr(compat.ensure_torchvision, '_library', None, raising=False)

    def import_module(name: str) -> None:
        if errors:
            raise errors.pop()

    monkeypatch.setattr(importlib, 'import_module', import_module)
    compat.ensure_torchvision()
    assert defined == ['nms', 'qnms']
    assert list(sys.modules) == ['torchvision_other']  # half-imported parts are forgotten


def test_other_import_errors_of_torchvision_pass_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def import_module(name: str) -> None:
        raise RuntimeError('something else')

    monkeypatch.setattr(importlib, 'import_module', import_module)
    with pytest.raises(RuntimeError, match='something else'):
        compat.ensure_torchvision()


def test_config_inherits_from_the_package_by_absolute_import(tmp_path: Path) -> None:
    path = tmp_path / 'mine.py'
    path.write_text(
        'from mmengine.config import read_base\n'
        'with read_base():\n'
        '    from mmwsol.configs.bas.bas_vgg16_cub import *\n'
        'model.head.update(topk=3)\n'
    )
    cfg = Config.fromfile(str(path))
    assert cfg.model.head.topk == 3 and cfg.model.head.num_classes == 200
    assert cfg.train_cfg.max_epochs == 120


def test_config_inherits_in_a_fresh_process_outside_the_repository(tmp_path: Path) -> None:
    path = tmp_path / 'mine.py'
    path.write_text(
        'from mmengine.config import read_base\n'
        'with read_base():\n'
        '    from mmwsol.configs.cam.cam_vgg16_cub import *\n'
    )
    code = (
        'import mmwsol; from mmengine.config import Config; '
        f'print(Config.fromfile({str(path)!r}).model.head.in_channels)'
    )
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.strip() == '512', done.stderr


def test_single_process_runs_need_no_preparation() -> None:
    cfg = Config(dict())
    compat.prepare_cpu_distributed(cfg, 'none')
    assert not cfg.keys()


def test_machine_with_a_gpu_needs_no_preparation(monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = Config(dict())
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    compat.prepare_cpu_distributed(cfg, 'pytorch')
    assert not cfg.keys()


def test_distributed_run_without_a_gpu_uses_gloo_and_no_device_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    backends: list[str] = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: False)
    monkeypatch.setattr(torch.distributed, 'init_process_group', backends.append)
    monkeypatch.setenv('MASTER_ADDR', '127.0.0.1')
    monkeypatch.delenv('GLOO_SOCKET_IFNAME', raising=False)
    cfg = Config(dict(find_unused_parameters=True))
    compat.prepare_cpu_distributed(cfg, 'pytorch')
    assert backends == ['gloo'] and os.environ['GLOO_SOCKET_IFNAME'] == 'lo'
    assert cfg.model_wrapper_cfg.device_ids is None and cfg.model_wrapper_cfg.find_unused_parameters
    monkeypatch.delenv('GLOO_SOCKET_IFNAME')


def test_other_launchers_need_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ValueError, match=r"need launcher 'pytorch' .* got 'slurm'"):
        compat.prepare_cpu_distributed(Config(dict()), 'slurm')
