"""Whole runs of the command-line tools on drawn pictures: train, kill, resume, distribute, test, install."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from mmwsol.apis import test as test_command
from mmwsol.apis import train as train_command
from mmwsol.models.localizers import Localizer

pytestmark = pytest.mark.slow

CONFIG = 'bas/bas_testresnet_toy.py'
EPOCHS = 3
ITERATIONS = 8  # an epoch: 8 classes of 4 pictures, 4 a batch
TEST_IMAGES = 15
OPTIONS = [
    'train_dataloader.dataset.images_per_class=4',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=1',
    'val_dataloader.dataset.images_per_class=2',
    'val_dataloader.num_workers=0',
    'test_dataloader.dataset.images_per_class=2',
    f'test_dataloader.dataset.indices={TEST_IMAGES}',
    'test_dataloader.batch_size=4',
    'test_dataloader.num_workers=0',
    f'train_cfg.max_epochs={EPOCHS}',
    f'train_cfg.val_interval={EPOCHS}',
    'default_hooks.logger.interval=1',
    'log_processor.window_size=1',
]


def arguments(work_dir: str | Path, *more: str, options: Sequence[str] = ()) -> list[str]:
    return ['--work-dir', str(work_dir), *more, '--cfg-options', *OPTIONS, *options]


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('runs')


@pytest.fixture(scope='module')
def environment(folder: Path) -> dict[str, str]:
    """One thread, so that runs can be compared to the last bit; the drawn pictures are shared by all tests."""
    return {
        **{key: value for key, value in os.environ.items() if key not in ('PYTHONPATH', 'LOCAL_RANK')},
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
        'MMWSOL_DATA_ROOT': str(folder / 'data'),
        'OMP_NUM_THREADS': '1',
        'OMP_WAIT_POLICY': 'PASSIVE',
    }


@pytest.fixture(scope='module')
def run_tool(
    repo_dir: Path, folder: Path, environment: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess]:
    """``run_tool('train.py', ...)`` runs a file of tools/, outside the repository."""

    def run(tool: str, *args: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess:
        command = [str(repo_dir / 'tools' / tool), *args]
        command = [sys.executable, *command] if tool.endswith('.py') else ['bash', *command]
        done = subprocess.run(
            command, cwd=folder, env=environment | variables, capture_output=True, text=True, timeout=300
        )
        assert not check or done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done

    return run


@pytest.fixture(scope='module')
def trained(folder: Path, run_tool: Callable) -> Path:
    """Work dir of a training that nothing interrupted."""
    run_tool('train.py', CONFIG, *arguments('trained'))
    return folder / 'trained'


@pytest.fixture
def in_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands called in this process do as the others: same data and folder, one thread."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(folder / 'data'))
    monkeypatch.setenv('LOCAL_RANK', '0')
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def logged_losses(work_dir: Path) -> dict[int, dict[str, float]]:
    """Every logged loss and learning rate by iteration; of an iteration that ran twice, the later one."""
    losses = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in map(json.loads, path.read_text().splitlines()):
            if 'loss' in line:
                losses[line['step']] = {k: v for k, v in line.items() if 'loss' in k or k in ('lr', 'epoch')}
    return losses


def logged_lines(work_dir: Path) -> int:
    return sum(path.read_text().count('\n') for path in work_dir.glob('*/vis_data/scalars.json'))


def free_port() -> str:
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return str(server.getsockname()[1])


def test_every_iteration_is_logged(trained: Path) -> None:
    assert list(logged_losses(trained)) == list(range(1, EPOCHS * ITERATIONS + 1))


def test_killed_and_resumed_run_repeats_the_losses_of_an_uninterrupted_one(
    repo_dir: Path, folder: Path, environment: dict[str, str], trained: Path, run_tool: Callable
) -> None:
    work_dir = folder / 'killed'
    command = [sys.executable, str(repo_dir / 'tools' / 'train.py'), CONFIG, *arguments(work_dir)]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 200
    while logged_lines(work_dir) < ITERATIONS + 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = logged_losses(work_dir)
    saved = len(list(work_dir.glob('epoch_*.pth')))
    assert 1 <= saved < EPOCHS
    assert saved * ITERATIONS < len(before) < EPOCHS * ITERATIONS

    run_tool('train.py', CONFIG, *arguments(work_dir, '--resume'))
    assert (work_dir / f'epoch_{EPOCHS}.pth').is_file()
    assert logged_losses(work_dir) == logged_losses(trained)
    last = sorted(work_dir.glob('*/vis_data/scalars.json'))[-1].parents[1]
    steps = [json.loads(line)['step'] for line in (last / 'vis_data/scalars.json').read_text().splitlines()]
    assert steps[0] == saved * ITERATIONS + 1


def test_truncated_checkpoint_stops_resume_and_the_previous_one_goes_on(
    folder: Path, trained: Path, run_tool: Callable, in_process: None
) -> None:
    work_dir = folder / 'truncated'
    shutil.copytree(trained, work_dir, ignore=shutil.ignore_patterns('2*'))
    newest = work_dir / f'epoch_{EPOCHS}.pth'
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf'epoch_{EPOCHS}\.pth .* damaged .*--resume previous'):
        train_command.main([CONFIG, *arguments(work_dir, '--resume')])

    done = run_tool('train.py', CONFIG, *arguments(work_dir, '--resume', 'previous'))
    assert f'passed over epoch_{EPOCHS}.pth' in done.stdout + done.stderr
    expected = logged_losses(trained)
    redone = logged_losses(work_dir)
    assert redone == {step: expected[step] for step in list(expected)[-ITERATIONS:]}


def test_two_processes_train_and_their_test_equals_that_of_one_process(
    folder: Path, run_tool: Callable, in_process: None
) -> None:
    once = arguments('dist', '--no-validate', options=['train_cfg.max_epochs=1'])
    run_tool('dist_train.sh', CONFIG, '2', *once, MASTER_PORT=free_port())
    assert list(logged_losses(folder / 'dist')) == list(range(1, ITERATIONS // 2 + 1))
    checkpoint = str(folder / 'dist' / 'epoch_1.pth')

    two_processes = arguments('two', '--out', 'two.json')
    run_tool('dist_test.sh', CONFIG, checkpoint, '2', *two_processes, MASTER_PORT=free_port())
    test_command.main([CONFIG, checkpoint, *arguments('one', '--out', 'one.json')])
    one, two = (json.loads((folder / name).read_text()) for name in ('one.json', 'two.json'))
    assert (one['run']['processes'], two['run']['processes']) == (1, 2)
    assert one['evaluation'][0]['num_images'] == TEST_IMAGES
    assert one['evaluation'] == two['evaluation']
    assert {k: v for k, v in one['metrics'].items() if k.startswith('wsol/')} == {
        k: v for k, v in two['metrics'].items() if k.startswith('wsol/')
    }


def test_mixed_precision_trains_on_the_cpu(folder: Path, in_process: None) -> None:
    options = ['train_cfg.max_epochs=1', 'train_dataloader.num_workers=0']
    train_command.main([CONFIG, *arguments('amp', '--amp', '--no-validate', options=options)])
    assert (folder / 'amp' / 'epoch_1.pth').is_file()
    losses = [entry['loss'] for entry in logged_losses(folder / 'amp').values()]
    assert len(losses) == ITERATIONS and all(0 < loss < 20 for loss in losses)


def test_wrong_class_count_ends_the_run_with_what_to_do(run_tool: Callable) -> None:
    done = run_tool(
        'train.py', CONFIG, *arguments('classes', options=['model.head.num_classes=5']), check=False
    )
    assert done.returncode != 0
    assert 'the model has 5 classes' in done.stderr
    assert '--cfg-options model.head.num_classes=8' in done.stderr


def test_checkpoint_of_another_config_is_refused(trained: Path, in_process: None) -> None:
    with pytest.raises(ValueError, match=r'does not belong to this config: 2 tensors are missing'):
        test_command.main(['cam/cam_testresnet_toy.py', str(trained / 'epoch_1.pth'), *arguments('other')])


def test_two_protocols_give_two_rows_a_record_and_pictures(
    folder: Path, trained: Path, in_process: None
) -> None:
    checkpoint = str(trained / f'epoch_{EPOCHS}.pth')
    protocols = ['--protocol', 'choe_v1', '--protocol', 'bas_ext:threshold=0.2:topk=3']
    metrics = test_command.main(
        [CONFIG, checkpoint, *arguments('tested', *protocols, '--out', 'out/two.json', '--show-dir', 'shown')]
    )
    record = json.loads((folder / 'out/two.json').read_text())
    assert record['metrics'] == metrics
    rows = record['evaluation'][0]['rows']
    assert [row['threshold_source'] for row in rows] == ['oracle per level', 'fixed']
    assert rows[1]['threshold'] == 0.2
    assert record['run']['checkpoint_epoch'] == EPOCHS
    assert record['run']['training_seed'] == 6
    assert len(record['run']['checkpoint_sha256']) == 64
    assert len(list((folder / 'shown').rglob('*.jpg'))) == TEST_IMAGES


def test_ten_crops_are_classified_and_keep_the_boxes(
    trained: Path, in_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict, shapes = Localizer.predict, []
    monkeypatch.setattr(
        Localizer,
        'predict',
        lambda self, inputs, *args: shapes.append(inputs.shape) or predict(self, inputs, *args),
    )
    command = [CONFIG, str(trained / f'epoch_{EPOCHS}.pth'), '--protocol', 'choe_v2']
    one = test_command.main([*command, *arguments('one_crop')])
    ten = test_command.main([*command, *arguments('ten_crops', '--ten-crop')])
    assert ten['wsol/choe_v2/GT-known'] == one['wsol/choe_v2/GT-known']
    assert ten['wsol/choe_v2/MaxBoxAccV2'] == one['wsol/choe_v2/MaxBoxAccV2']
    assert set(ten) == set(one)
    assert {len(shape) for shape in shapes} == {4, 5} and shapes[-1][1] == 10


def test_wheel_carries_configs_and_commands_and_trains_outside_the_repository(
    repo_dir: Path, folder: Path, environment: dict[str, str]
) -> None:
    source, site = folder / 'source', folder / 'site'
    ignored = shutil.ignore_patterns('.*', 'work_dirs', 'data', 'build', '*.egg-info', '__pycache__')
    shutil.copytree(repo_dir, source, symlinks=True, ignore=ignored)
    build = [
        sys.executable,
        '-m',
        'pip',
        'wheel',
        '.',
        '--no-deps',
        '--no-build-isolation',
        '-q',
        '-w',
        str(folder),
    ]
    subprocess.run(build, cwd=source, env=environment, check=True, capture_output=True, timeout=200)
    with zipfile.ZipFile(next(folder.glob('mmwsol-*.whl'))) as wheel:
        names = wheel.namelist()
        wheel.extractall(site)
    assert 'mmwsol/configs/bas/bas_vgg16_cub.py' in names
    assert 'mmwsol/configs/_base_/default_runtime.py' in names
    assert not any(name.startswith(('tests/', 'configs/', 'tools/')) for name in names)
    entry_points = (next(site.glob('*.dist-info')) / 'entry_points.txt').read_text()
    assert 'mmwsol-train = mmwsol.apis.train:main' in entry_points
    assert 'mmwsol-test = mmwsol.apis.test:command' in entry_points

    shutil.rmtree(source)
    command = arguments('installed', '--no-validate', options=['train_cfg.max_epochs=1'])
    script = (
        f'import sys; sys.path.insert(0, {str(site)!r})\n'
        'import mmwsol; from mmwsol.apis.train import main\n'
        f'assert mmwsol.__file__.startswith({str(site)!r}), mmwsol.__file__\n'
        f'main({[CONFIG, *command]!r})'
    )
    done = subprocess.run(
        [sys.executable, '-c', script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / 'installed' / 'epoch_1.pth').is_file()
