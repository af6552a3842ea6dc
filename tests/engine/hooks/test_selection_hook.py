from __future__ import annotations

import itertools
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS, DefaultScope
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset
from two_processes import run_in_two_processes

from mmwsol.compat import load_checkpoint_file, prepare_cpu_distributed
from mmwsol.datasets import ToyShapes
from mmwsol.engine.hooks import SelectionHook, selection_hook
from mmwsol.evaluation.metrics import LocalizationMetric
from mmwsol.evaluation.protocols import get_protocol
from mmwsol.evaluation.selection import is_test_split, switches_of

# what the validations of four epochs find; the best epochs are 3, 2 and 4
SCRIPT = dict(
    loc=[10.0, 30.0, 60.0, 50.0], agreement=[20.0, 70.0, 30.0, 40.0], classification=[5.0, 6.0, 7.0, 8.0]
)
THRESHOLDS = [0.11, 0.22, 0.33, 0.44]


class Numbers(Dataset):
    """Four numbers with a split's name."""

    def __init__(self, split: str = 'val') -> None:
        self.metainfo = dict(split=split)

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=torch.tensor([float(index)]))


class Line(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1)

    def forward(self, inputs: Any, mode: str = 'loss') -> Any:
        outputs = self.line(torch.stack(list(inputs)))
        return dict(loss=outputs.square().mean()) if mode == 'loss' else [dict() for _ in outputs]


class Scripted(BaseMetric):
    """Metrics and a chosen threshold as the script says for the epoch."""

    default_prefix = None
    epoch = 0

    def __init__(self) -> None:
        super().__init__()
        self.choices: list[dict] = []

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(0)

    def evaluate(self, size: int) -> dict[str, float]:
        self.results.clear()
        Scripted.epoch += 1
        i = Scripted.epoch - 1
        self.choices = [
            dict(
                name='strict',
                source='val',
                threshold=THRESHOLDS[i],
                value=SCRIPT['loc'][i],
                split=self.dataset_meta['split'],
                images=4,
                switches=switches_of(get_protocol('strict')),
            )
        ]
        return {name: values[i] for name, values in SCRIPT.items()}

    def compute_metrics(self, results: list) -> dict:
        return {}


class Asked(LocalizationMetric):
    """Remembers what it was to take, evaluates nothing."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        pass

    def evaluate(self, size: int) -> dict[str, float]:
        return {'threshold': self.protocols[0].thresholds[0]}


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    register_parts()
    monkeypatch.setattr(Scripted, 'epoch', 0)


def register_parts() -> None:
    for registry, part in ((DATASETS, Numbers), (MODELS, Line), (METRICS, Scripted), (METRICS, Asked)):
        registry.register_module(module=part, force=True)


RUNS = itertools.count()


def config(work_dir: Path, epochs: int = 4, split: str = 'val', **checkpoint: Any) -> Config:
    checkpoint = dict(interval=1, save_best=list(SCRIPT), rule='greater') | checkpoint
    loader = dict(batch_size=2, num_workers=0, collate_fn=dict(type='pseudo_collate'))
    return Config(
        dict(
            default_scope='mmengine',
            work_dir=str(work_dir),
            # runs of one second would share a message hub, and with it the best scores
            experiment_name=f'run_{next(RUNS)}',
            model=dict(type='Line'),
            train_dataloader=loader
            | dict(dataset=dict(type='Numbers'), sampler=dict(type='DefaultSampler', shuffle=True)),
            val_dataloader=loader
            | dict(
                dataset=dict(type='Numbers', split=split), sampler=dict(type='DefaultSampler', shuffle=False)
            ),
            test_dataloader=loader
            | dict(
                dataset=dict(type='Numbers', split='test'), sampler=dict(type='DefaultSampler', shuffle=False)
            ),
            train_cfg=dict(by_epoch=True, max_epochs=epochs, val_interval=1),
            val_cfg=dict(),
            test_cfg=dict(),
            val_evaluator=[dict(type='Scripted')],
            test_evaluator=[dict(type='Asked', protocols='strict')],
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', backend_args=dict(backend='atomic'), **checkpoint)
            ),
            custom_hooks=[dict(type='mmwsol.SelectionHook')],
            log_level='WARNING',
            randomness=dict(seed=0),
        )
    )


def train(work_dir: Path, **kwargs: Any) -> Runner:
    runner = Runner.from_cfg(config(work_dir, **kwargs))
    runner.train()
    return runner


def selection(path: Path) -> dict[str, Any] | None:
    return load_checkpoint_file(path, map_location='cpu').get('selection')


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work_dir = tmp_path_factory.mktemp('trained')
    register_parts()
    Scripted.epoch = 0
    with DefaultScope.overwrite_default_scope('mmwsol'):
        train(work_dir)
    return work_dir


def test_checkpoint_of_each_epoch_carries_its_own_validation(trained: Path) -> None:
    for epoch in range(1, 5):
        held = selection(trained / f'epoch_{epoch}.pth')
        assert (held['epoch'], held['split'], held['best_by']) == (epoch, 'val', None)
        assert [choice['threshold'] for choice in held['choices']] == [THRESHOLDS[epoch - 1]]
        assert held['metrics'] == {name: values[epoch - 1] for name, values in SCRIPT.items()}
    assert not list(trained.glob('.*.part'))


@pytest.mark.parametrize(('criterion', 'epoch'), [('loc', 3), ('agreement', 2), ('classification', 4)])
def test_best_checkpoint_of_each_criterion_is_of_its_epoch(trained: Path, criterion: str, epoch: int) -> None:
    (path,) = trained.glob(f'best_{criterion}_*.pth')
    held = selection(path)
    assert path.name == f'best_{criterion}_epoch_{epoch}.pth' and held['epoch'] == epoch
    assert held['best_by'] == criterion
    assert held['choices'][0]['threshold'] == THRESHOLDS[epoch - 1]
    own = load_checkpoint_file(path)['state_dict']
    for key, value in load_checkpoint_file(trained / f'epoch_{epoch}.pth')['state_dict'].items():
        assert torch.equal(own[key], value)


def test_test_takes_the_threshold_of_the_checkpoint(trained: Path, tmp_path: Path) -> None:
    for name, threshold in (('epoch_2.pth', 0.22), ('best_loc_epoch_3.pth', 0.33)):
        cfg = config(tmp_path)
        cfg.load_from = str(trained / name)
        assert Runner.from_cfg(cfg).test() == {'threshold': threshold}


def test_test_without_a_chosen_threshold_is_an_error_that_names_the_file(
    trained: Path, tmp_path: Path
) -> None:
    content = load_checkpoint_file(trained / 'epoch_2.pth')
    del content['selection']
    torch.save(content, tmp_path / 'bare.pth')
    cfg = config(tmp_path)
    cfg.load_from = str(tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match=r'strict takes .*bare\.pth carries no threshold'):
        Runner.from_cfg(cfg).test()


def test_model_that_was_just_trained_is_tested_at_its_last_choice(tmp_path: Path) -> None:
    assert train(tmp_path, epochs=2).test() == {'threshold': 0.22}


def test_resumed_run_keeps_choices_and_best_checkpoints(trained: Path, tmp_path: Path) -> None:
    train(tmp_path, epochs=3)
    kept = selection(tmp_path / 'epoch_3.pth')
    cfg = config(tmp_path)
    cfg.load_from, cfg.resume = str(tmp_path / 'epoch_3.pth'), True
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert selection(tmp_path / 'epoch_3.pth') == kept
    assert selection(tmp_path / 'epoch_4.pth') == selection(trained / 'epoch_4.pth')
    assert {path.name for path in tmp_path.glob('best_*')} == {path.name for path in trained.glob('best_*')}


def test_epoch_that_was_not_validated_has_no_choice_of_an_earlier_one(tmp_path: Path) -> None:
    cfg = config(tmp_path, epochs=3)
    cfg.train_cfg.val_interval = 2
    Runner.from_cfg(cfg).train()
    assert selection(tmp_path / 'epoch_1.pth') is None
    assert selection(tmp_path / 'epoch_2.pth')['choices'][0]['threshold'] == 0.11
    assert selection(tmp_path / 'epoch_3.pth')['choices'][0]['threshold'] == 0.22  # the last is validated


def test_validation_does_not_touch_the_checkpoint_of_another_epoch(tmp_path: Path) -> None:
    train(tmp_path, epochs=3, interval=2, save_best=None, rule=None)
    assert [selection(tmp_path / f'epoch_{epoch}.pth')['epoch'] for epoch in (2, 3)] == [2, 3]
    assert not (tmp_path / 'epoch_1.pth').exists()


def test_iterations_are_counted_as_well_as_epochs(tmp_path: Path) -> None:
    cfg = config(tmp_path, by_epoch=False)
    cfg.train_cfg = dict(by_epoch=False, max_iters=6, val_interval=2)
    cfg.default_hooks.checkpoint.interval = 2
    Runner.from_cfg(cfg).train()
    found = {path.name: selection(path)['choices'][0]['threshold'] for path in tmp_path.glob('*.pth')}
    assert found == {
        'iter_2.pth': 0.11,
        'iter_4.pth': 0.22,
        'iter_6.pth': 0.33,
        'best_loc_iter_6.pth': 0.33,
        'best_agreement_iter_4.pth': 0.22,
        'best_classification_iter_6.pth': 0.33,
    }
    assert selection(tmp_path / 'best_loc_iter_6.pth')['best_by'] == 'loc'


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []

    def log(text: str, logger: Any = None, level: int = logging.INFO) -> None:
        if level == logging.WARNING:
            said.append(text)

    monkeypatch.setattr(selection_hook, 'print_log', log)
    return said


@pytest.mark.parametrize(
    ('split', 'save_best', 'warned'),
    [('CUB/test', 'loc', True), ('CUB/test', None, False), ('val', 'loc', False)],
)
def test_choosing_a_checkpoint_on_test_data_is_warned_of(
    tmp_path: Path, warnings: list[str], split: str, save_best: str | None, warned: bool
) -> None:
    rule = save_best and 'greater'
    train(tmp_path, epochs=1, split=split, save_best=save_best, rule=rule)
    assert [text.split(':')[0] for text in warnings] == [
        "loc on the split 'CUB/test' choose the checkpoint"
    ] * warned
    assert selection(tmp_path / 'epoch_1.pth')['split'] == split


class Files(BaseDataset):
    """Knows its image files, and whether they are held out."""

    def __init__(self, *names: str, held_out: bool = False) -> None:
        self.names, self.held_out, self._metainfo = names, held_out, dict(split='train')

    def image_paths(self) -> list[str]:
        return [f'birds/{name}.png' for name in self.names]

    def full_init(self) -> None:
        pass

    def __len__(self) -> int:
        return len(self.names)


def check(train_data: Any, val_data: Any) -> None:
    runner = SimpleNamespace(
        val_loop=1,
        hooks=[],
        train_dataloader=SimpleNamespace(dataset=train_data),
        val_dataloader=SimpleNamespace(dataset=val_data),
    )
    SelectionHook().before_train(runner)


@pytest.mark.parametrize(
    'wrap',
    [
        lambda data: data,
        lambda data: RepeatDataset(data, times=2),
        lambda data: ConcatDataset([Files('x'), data], ignore_keys=['split']),
    ],
)
def test_training_on_what_validation_holds_out_is_refused(wrap: Any) -> None:
    with pytest.raises(
        ValueError, match=r'1 of 2 images held out .* trained on, first .*birds/b\.png; .*holdout_seed'
    ):
        check(wrap(Files('a', 'b')), Files('b', 'c', held_out=True))
    with pytest.raises(ValueError, match='1 of 2 images held out'):
        check(Files('a', 'b'), wrap(Files('b', 'c', held_out=True)))


def test_held_out_images_that_are_not_trained_on_are_fine() -> None:
    check(Files('a', 'b'), Files('c', 'd', held_out=True))
    check(Files('a', 'b'), Files('a', 'b'))
    check(SimpleNamespace(), SimpleNamespace(metainfo={}))


def test_part_of_the_test_split_may_be_held_out_of_it(tmp_path: Path) -> None:
    root = dict(data_root=str(tmp_path), images_per_class=2)
    train = ToyShapes(split='train', **root)
    check(train, ToyShapes(split='test', holdout=1, held_out=True, **root))
    with pytest.raises(ValueError, match='8 of 8 images held out for validation are trained on'):
        check(train, ToyShapes(split='train', holdout=1, held_out=True, **root))
    check(
        ToyShapes(split='train', holdout=1, **root),
        ToyShapes(split='train', holdout=1, held_out=True, **root),
    )


def test_metrics_that_are_no_number_are_left_out_of_the_checkpoint() -> None:
    metrics = dict(
        a=1,
        b=torch.tensor(2.0),
        c=np.float32(3),
        d=np.array([4.0]),
        matrix=torch.ones(2, 2),
        name='x',
        none=None,
    )
    hook, loader = SelectionHook(), SimpleNamespace(dataset=Files('a'))
    runner = SimpleNamespace(
        val_evaluator=SimpleNamespace(metrics=[]), val_dataloader=loader, _train_loop=True, epoch=1, iter=2
    )
    hook.after_val_epoch(runner, metrics)
    assert (hook.selection['epoch'], hook.selection['iter']) == (1, 2)
    assert hook.selection['metrics'] == dict(a=1.0, b=2.0, c=3.0, d=4.0)


def choose_and_test(validated: Files, tested: Files, split: str | None = 'val') -> Any:
    """What the metric of a test is given after a validation."""
    validated._metainfo['split'] = split
    taken: list[Any] = []
    hook, runner = SelectionHook(), SimpleNamespace(_train_loop=True, epoch=1, iter=2)
    choice = dict(name='strict', source='val', threshold=0.3, split=split)
    runner.val_evaluator = SimpleNamespace(metrics=[SimpleNamespace(choices=[choice])])
    runner.val_dataloader = SimpleNamespace(dataset=validated)
    runner.test_dataloader = SimpleNamespace(dataset=tested)
    runner.test_evaluator = SimpleNamespace(
        metrics=[SimpleNamespace(take_selection=lambda *given: taken.append(given[0]))]
    )
    hook.after_val_epoch(runner, {})
    hook.before_test(runner)
    return taken[0]


@pytest.mark.parametrize(
    ('validated', 'split', 'named'),
    [
        ('ab', 'val', 'val'),
        ('bc', 'val', 'val, tested too'),
        ('bc', None, 'unnamed split, tested too'),
        ('bc', 'test', 'test'),
    ],
)
def test_test_of_images_that_chose_is_marked_whatever_their_split_is_called(
    warnings: list[str], validated: str, split: str | None, named: str
) -> None:
    given = choose_and_test(Files(*validated), Files('c', 'd'), split)
    assert given['split'] == given['choices'][0]['split'] == named
    assert is_test_split(named) == (named != 'val')
    assert len(warnings) == ('too' in named)


def test_new_choice_comes_before_that_of_the_loaded_checkpoint_which_keeps_its_name() -> None:
    hook, data = SelectionHook(), Files('a')
    loaded = dict(epoch=7, split='val', best_by='loc', choices=[dict(threshold=0.1)], metrics=dict(loc=1.0))
    hook.after_load_checkpoint(SimpleNamespace(cfg={}), dict(selection=loaded))
    choice = SimpleNamespace(choices=[dict(threshold=0.2)])
    runner = SimpleNamespace(
        val_evaluator=SimpleNamespace(metrics=[choice]),
        val_dataloader=SimpleNamespace(dataset=data),
        _train_loop=None,
    )
    hook.after_val_epoch(runner, dict(other=3.0))
    assert [choice['threshold'] for choice in hook.selection['choices']] == [0.2, 0.1]
    assert {key: hook.selection[key] for key in loaded if key != 'choices'} == {
        key: loaded[key] for key in loaded if key != 'choices'
    }


def _rank(rank: int, folder: str) -> None:
    register_parts()
    with DefaultScope.overwrite_default_scope('mmwsol'):
        cfg = config(Path(folder) / 'run', epochs=2)
        cfg.launcher = 'pytorch'
        prepare_cpu_distributed(cfg, 'pytorch')
        runner = Runner.from_cfg(cfg)
        runner.train()
        torch.save(runner.test(), f'{folder}/{rank}.pt')


@pytest.mark.slow
def test_all_processes_test_at_the_choice_that_one_of_them_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('LOCAL_RANK', '0')
    run_in_two_processes(_rank, tmp_path, str(tmp_path))
    assert [torch.load(tmp_path / f'{rank}.pt') for rank in range(2)] == [{'threshold': 0.22}] * 2
    assert selection(tmp_path / 'run' / 'epoch_2.pth')['choices'][0]['threshold'] == 0.22
