from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from planted_results import planted_results
from torch import nn

from mmwsol.apis import test as test_api
from mmwsol.apis.run_config import drop_pretrained_weights, find_config
from mmwsol.apis.stored_result import find_result
from mmwsol.apis.test import (
    check_checkpoint,
    keep_images,
    main,
    replace_protocols,
    use_predictions,
    use_ten_crops,
    write_result,
)
from mmwsol.evaluation import get_protocol
from mmwsol.evaluation.image_results import ImageResults
from mmwsol.evaluation.metrics import LocalizationMetric
from mmwsol.file_digest import file_digest
from mmwsol.registry import MODELS

TOY = 'bas/bas_testresnet_toy.py'


def save(path: Path, content: object) -> str:
    torch.save(content, path)
    return str(path)


def test_fitting_checkpoint_passes_bare_or_wrapped(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    check_checkpoint(model, save(tmp_path / 'a.pth', dict(state_dict=model.state_dict(), meta={})))
    check_checkpoint(model, save(tmp_path / 'b.pth', model.state_dict()))


def test_model_behind_a_distributed_wrapper_is_compared_itself(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    check_checkpoint(SimpleNamespace(module=model), save(tmp_path / 'a.pth', model.state_dict()))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda s: s.pop('bias'), '1 tensors are missing, 0 have another shape, 0 are left over; first bias'),
        (
            lambda s: s.update(weight=torch.zeros(5, 3)),
            r'1 have another shape.*first weight \(5, 3\) for \(2, 3\)',
        ),
        (lambda s: s.update(more=torch.zeros(1)), '1 are left over; first more'),
    ],
    ids=['missing', 'shape', 'surplus'],
)
def test_checkpoint_of_another_model_is_refused(tmp_path: Path, change: object, message: str) -> None:
    model = nn.Linear(3, 2)
    state = dict(model.state_dict())
    change(state)
    with pytest.raises(ValueError, match=f'does not belong to this config: .*{message}'):
        check_checkpoint(model, save(tmp_path / 'x.pth', dict(state_dict=state)))


def test_ten_crops_take_their_pipeline_and_a_tenth_of_the_batch() -> None:
    pipeline = [dict(type='CenterCrop', crop_size=224)]
    cfg = Config(
        dict(test_dataloader=dict(batch_size=32, dataset=dict(pipeline=pipeline)), ten_crop_pipeline=['ten'])
    )
    use_ten_crops(cfg)
    assert cfg.test_dataloader.dataset.pipeline == ['ten'] and cfg.test_dataloader.batch_size == 3
    with pytest.raises(ValueError, match='needs ten_crop_pipeline'):
        use_ten_crops(Config(dict()))


def test_ten_crops_are_refused_where_the_whole_image_is_tested() -> None:
    for config in ('tscam/tscam_deittiny_cub.py', 'cam/cam_resnet50_ilsvrc.py'):
        with pytest.raises(ValueError, match='tests another frame'):
            use_ten_crops(Config.fromfile(find_config(config)))
    use_ten_crops(Config.fromfile(find_config('bas/bas_resnet50_cub.py')))


class FakeModel(nn.Linear):
    """Knows whether its weights were initialised."""

    initialised = False

    def init_weights(self) -> None:
        self.initialised = True


class FakeRunner:
    """Keeps the config and tests nothing."""

    test_evaluator = SimpleNamespace(metrics=[])

    def __init__(self, cfg: Config) -> None:
        self.cfg, self.model, self.log_dir = cfg, FakeModel(1, 1), str(Path(cfg.work_dir) / 'now')

    def test(self) -> dict[str, float]:
        return dict(loc=0.5)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """``run(*options)`` runs the command on a model that is never built and gives its config."""
    seen: list[Config] = []

    def from_cfg(cfg: Config) -> FakeRunner:
        seen.append(cfg)
        return FakeRunner(cfg)

    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setattr(Runner, 'from_cfg', from_cfg)
    monkeypatch.setattr(test_api, 'describe_run', lambda runner, checkpoint: dict(checkpoint=checkpoint))
    path = save(tmp_path / 'model.pth', nn.Linear(1, 1).state_dict())

    def call(*options: str) -> Config:
        assert main([TOY, path, '--work-dir', str(tmp_path), *options]) == dict(loc=0.5)
        return seen[-1]

    return call


def test_command_tests_the_checkpoint_without_looking_for_pretrained_weights(run: object) -> None:
    cfg = run()
    assert cfg.load_from.endswith('model.pth') and 'Pretrained' not in str(cfg.model)


def test_protocols_of_the_command_replace_those_of_the_config(run: object) -> None:
    cfg = run('--protocol', 'choe_v1', '--protocol', 'bas_ext:topk=8:threshold=0.2')
    protocols = [get_protocol(protocol) for protocol in cfg.test_evaluator.protocols]
    assert protocols == [get_protocol('choe_v1'), get_protocol('bas_ext', topk=8, threshold=0.2)]


def test_every_evaluator_with_protocols_takes_those_of_the_command() -> None:
    evaluators = [
        dict(type='LocalizationMetric'),
        dict(type='PixelMetric', protocols=['choe_v2']),
        dict(type='Other'),
    ]
    cfg = Config(dict(test_evaluator=evaluators))
    replace_protocols(cfg, ['sat:threshold=0.4'])
    chosen = [[get_protocol(p).name for p in e.get('protocols', ())] for e in cfg.test_evaluator]
    assert chosen == [['sat'], ['sat'], []]


def test_protocol_without_a_value_is_refused(run: object) -> None:
    with pytest.raises(ValueError, match=r"name\[:switch=value..\], got 'bas:topk'"):
        run('--protocol', 'bas:topk')


def test_pictures_and_ten_crops_are_switched_on(run: object, tmp_path: Path) -> None:
    cfg = run('--ten-crop', '--show-dir', str(tmp_path / 'show'))
    assert cfg.default_hooks.draw_samples.out_dir == str(tmp_path / 'show')
    assert 'TenCrop' in str(cfg.test_dataloader.dataset.pipeline)


def test_result_lies_beside_the_log_or_where_it_is_asked_for(run: object, tmp_path: Path) -> None:
    run()
    result = json.loads((tmp_path / 'now' / 'result.json').read_text())
    assert result['metrics'] == dict(loc=0.5)
    assert result['command'].startswith(f'mmwsol-test {TOY} ')  # the call's own arguments, not the process's
    run('--out', str(tmp_path / 'x' / 'y.json'))
    assert (tmp_path / 'x' / 'y.json').is_file()


def test_results_of_each_image_lie_beside_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_api, 'describe_run', lambda runner, checkpoint: {})
    images = planted_results(['correct', 'part'])
    metrics = [SimpleNamespace(summary={}), SimpleNamespace(summary=dict(rows=[]), images=images)]
    runner = SimpleNamespace(test_evaluator=SimpleNamespace(metrics=metrics))
    write_result(tmp_path / 'a.json', runner, 'x.pth', {}, [])
    result = json.loads((tmp_path / 'a.json').read_text())
    assert result['images'] == 'a.images.npz'
    assert ImageResults.load(tmp_path / result['images']).ids == images.ids


def test_images_are_stored_with_the_evaluation_they_belong_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind an evaluation of masks; and a file of another test is told apart."""
    monkeypatch.setattr(test_api, 'describe_run', lambda runner, checkpoint: {})
    images, boxes = planted_results(['correct', 'part']), dict(rows=[], iou_thresholds=[50])
    metrics = [
        SimpleNamespace(summary={}),
        SimpleNamespace(summary=dict(rows=[1])),
        SimpleNamespace(summary=dict(iou_thresholds=[30]), images=None),
        SimpleNamespace(summary=boxes, images=images),
    ]
    runner = SimpleNamespace(test_evaluator=SimpleNamespace(metrics=metrics))
    write_result(tmp_path / 'a.json', runner, 'x.pth', {}, ['mmwsol-test', 'x y.py'])
    result = find_result(tmp_path / 'a.json')
    assert result.localization == boxes and result.load_images().ids == images.ids
    assert result.content['command'] == "mmwsol-test 'x y.py'"
    planted_results(['part', 'part']).save(tmp_path / 'a.images.npz')
    with pytest.raises(ValueError, match=r'a\.images\.npz is not the file that .*a\.json was written with'):
        result.load_images()


def test_evaluators_of_localizations_keep_their_images(run: object) -> None:
    assert run().test_evaluator['per_image'] is True
    evaluators = [
        dict(type='PixelMetric'),
        dict(type='PseudoBoxMetric'),
        dict(type='LocalizationMetric', per_image=False),
        dict(type=LocalizationMetric),
    ]
    cfg = Config(dict(test_evaluator=evaluators))
    keep_images(cfg)
    assert [e.get('per_image') for e in cfg.test_evaluator] == [None, None, False, True]


def test_images_of_one_evaluator_are_kept_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []
    monkeypatch.setattr(test_api, 'print_log', lambda text, **_: messages.append(text))
    cfg = Config(dict(test_evaluator=[dict(type='LocalizationMetric'), dict(type='LocalizationMetric')]))
    keep_images(cfg)
    assert [e.per_image for e in cfg.test_evaluator] == [True, False]
    assert len(messages) == 1 and 'results of each image are kept of the first' in messages[0]


def test_post_hoc_maps_of_the_command_go_into_the_model(run: object) -> None:
    cfg = run('--maps', 'bagcams', '--layer', '3')
    assert cfg.model.maps == dict(type='mmwsol.BagCAMs', layer=3)


def test_pretrained_in_place_of_a_checkpoint_loads_what_the_config_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runners: list[FakeRunner] = []
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setattr(Runner, 'from_cfg', lambda cfg: runners.append(FakeRunner(cfg)) or runners[0])
    monkeypatch.setattr(test_api, 'describe_run', lambda runner, checkpoint: dict(checkpoint=checkpoint))
    main(['posthoc/posthoc_mobilenetv1_ilsvrc.py', 'pretrained', '--work-dir', str(tmp_path)])
    assert runners[0].model.initialised and not runners[0].cfg.load_from
    with pytest.raises(ValueError, match=r'model.backbone.init_cfg has no dict\(type=.Pretrained'):
        main([TOY, 'pretrained', '--work-dir', str(tmp_path)])
    with pytest.raises(ValueError, match=r'model\.head\.init_cfg has no'):
        main(['cam/cam_mobilenetv1_cub.py', 'pretrained', '--work-dir', str(tmp_path)])


def test_predictions_go_to_the_evaluators_of_localizations(run: object) -> None:
    cfg = run('--predictions', 'other.npz', '--dump-scores', 'own.npz')
    assert cfg.test_evaluator[0].predictions == 'other.npz'
    assert cfg.test_evaluator[1] == dict(type='mmwsol.ScoreDump', out='own.npz')
    with pytest.raises(ValueError, match='need a LocalizationMetric'):
        use_predictions(Config(dict(test_evaluator=dict(type='PixelMetric'))), 'other.npz')


@pytest.mark.slow
def test_a_second_classifier_gives_the_classes_and_the_localizer_the_boxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MMWSOL_DATA_ROOT', str(tmp_path))
    configs = dict(one='cam/cam_testresnet_toy.py', other='tscam/tscam_testvit_toy.py')
    results, paths = {}, {}
    options = ['--cfg-options', 'test_dataloader.dataset.indices=24', 'test_dataloader.num_workers=0']
    for seed, (name, config) in enumerate(configs.items()):
        cfg = Config.fromfile(find_config(config))
        torch.manual_seed(seed)
        drop_pretrained_weights(cfg.model)
        with DefaultScope.overwrite_default_scope('mmwsol'):
            model = MODELS.build(cfg.model)
        paths[name] = save(tmp_path / f'{name}.pth', model.state_dict())
        results[name] = main([config, paths[name], '--work-dir', str(tmp_path / name), *options])
    classifier = ['--classifier', configs['other'], paths['other']]
    two = main([configs['one'], paths['one'], '--work-dir', str(tmp_path / 'two'), *classifier, *options])
    assert two['wsol/cls/top-1'] == results['other']['wsol/cls/top-1'] != results['one']['wsol/cls/top-1']
    stored = find_result(tmp_path / 'two')
    assert stored.content['classifier']['checkpoint_sha256'] == file_digest(paths['other'])
    assert stored.classifier == 'tscam_testvit_toy other.pth'
    scores = Path(stored.localization['predictions'])
    assert stored.localization['predictions_sha256'] == file_digest(scores)
    row = next(key for key in two if key.endswith('MaxBoxAccV2') and 'choe_v2' in key)
    assert two[row] == results['one'][row] != results['other'][row]


def test_result_file_holds_metrics_evaluation_and_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_api, 'describe_run', lambda runner, checkpoint: dict(checkpoint=checkpoint))
    metrics = [SimpleNamespace(summary=dict(rows=[1])), SimpleNamespace(summary={}), SimpleNamespace()]
    runner = SimpleNamespace(test_evaluator=SimpleNamespace(metrics=metrics))
    path = tmp_path / 'new' / 'result.json'
    write_result(str(path), runner, 'x.pth', dict(loc=0.25), ['mmwsol-test'])
    result = json.loads(path.read_text())
    assert result['metrics'] == dict(loc=0.25) and result['evaluation'] == [dict(rows=[1])]
    assert result['run'] == dict(checkpoint='x.pth') and {'date', 'command'} <= set(result)
