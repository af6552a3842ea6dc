"""Every shipped config: it builds, its name matches its place, and its docstring says how to run it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import WEIGHT_INITIALIZERS, DefaultScope

from mmwsol.apis.run_config import drop_pretrained_weights
from mmwsol.models.localizers import Localizer
from mmwsol.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
LEAVES = sorted(path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)
BASES = sorted((CONFIGS / '_base_').rglob('*.py'))
BACKBONES = {'vgg16', 'resnet50', 'mobilenetv1', 'inceptionv3', 'efficientnetlite0', 'testresnet'}
BACKBONES |= {'deittiny', 'deitsmall', 'deitbase', 'testvit', 'conformersmall', 'dinov2small'}
DATA_SETS = {'cub': 200, 'ilsvrc': 1000, 'openimages': 100, 'toy': 8}
each_leaf = pytest.mark.parametrize('path', LEAVES, ids=[path.stem for path in LEAVES])


@pytest.fixture(autouse=True)
def mmwsol_scope() -> Iterator[None]:
    with DefaultScope.overwrite_default_scope('mmwsol'):
        yield


def input_side(cfg: Config) -> int:
    """Side of the square network input that the test pipeline makes."""
    size = next(
        step[key] for step in reversed(cfg.test_pipeline) for key in ('crop_size', 'scale') if key in step
    )
    return size if isinstance(size, int) else size[0]


def build(cfg: Config) -> Localizer:
    drop_pretrained_weights(cfg.model)
    with torch.device('meta'):
        return MODELS.build(cfg.model)


@each_leaf
def test_name_is_method_backbone_dataset_and_matches_its_folder(path: Path) -> None:
    method, backbone, dataset, *variant = path.stem.split('_')
    assert method == path.parent.name
    assert backbone in BACKBONES and dataset in DATA_SETS and len(variant) <= 1


def initialisers(node: object) -> Iterator[dict]:
    """Every ``init_cfg`` entry in a config."""
    if isinstance(node, dict):
        entry = node.get('init_cfg')
        yield from [entry] if isinstance(entry, dict) else entry or ()
        for value in node.values():
            yield from initialisers(value)


@each_leaf
def test_initialisers_accept_their_arguments(path: Path) -> None:
    for entry in initialisers(Config.fromfile(path).model):
        if entry['type'] != 'Pretrained':
            WEIGHT_INITIALIZERS.build(dict(entry))


@each_leaf
def test_docstring_says_the_command(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    name = path.relative_to(CONFIGS.parent)
    commands = (
        f'python tools/train.py {name}',
        f'tools/dist_train.sh {name} 4',
        f'tools/test.py {name} pretrained',
    )
    assert any(command in docstring for command in commands)


@each_leaf
def test_only_the_fully_supervised_baseline_trains_on_boxes_or_masks(path: Path) -> None:
    dataset = Config.fromfile(str(path)).train_dataloader.dataset
    marked = path.parent.name == 'fullsup'
    kind = dataset['type']
    assert ('FullySupervised' in (kind if isinstance(kind, str) else kind.__name__)) == marked
    assert not marked or set(dataset) == {'type', 'dataset', 'images_per_class'}
    assert not dataset.get('test_mode') and (marked or dataset.get('split', 'train').startswith('train'))
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring.startswith('FULLY SUPERVISED baseline, no WSOL method') == marked


@each_leaf
def test_model_builds_with_the_class_count_of_the_data(path: Path) -> None:
    cfg = Config.fromfile(str(path))
    model = build(cfg)
    assert cfg.model.head.num_classes == cfg.num_classes == model.head.num_classes
    assert cfg.num_classes == DATA_SETS[path.stem.split('_')[2]]


@each_leaf
def test_model_gives_logits_at_the_input_size_of_its_pipeline(path: Path) -> None:
    cfg = Config.fromfile(str(path))
    side = input_side(cfg)
    with torch.no_grad():
        logits = build(cfg).eval()(torch.empty(2, 3, side, side, device='meta'))
    assert logits.shape == (2, cfg.num_classes)


@each_leaf
def test_head_keeps_the_maps_that_its_protocols_need(path: Path) -> None:
    from mmwsol.evaluation import get_protocol

    cfg = Config.fromfile(str(path))
    lists = [e if isinstance(e, list) else [e] for e in (cfg.val_evaluator, cfg.test_evaluator)]
    for evaluator in (evaluator for evaluators in lists for evaluator in evaluators):
        for protocol in (get_protocol(p) for p in evaluator['protocols']):
            enough = cfg.model.head.get('topk', 5) >= min(protocol.topk, cfg.num_classes)
            assert protocol.uses_gt_map or protocol.map_source == 'top1' or enough, protocol.name


@pytest.mark.parametrize('path', [p for p in LEAVES if p.parent.name == 'bas'], ids=lambda path: path.stem)
def test_bas_splits_where_the_spec_says(path: Path) -> None:
    cfg = Config.fromfile(str(path))
    model = build(cfg)
    side = input_side(cfg)
    with torch.no_grad():
        split, last = model.backbone(torch.empty(1, 3, side, side, device='meta'))
    assert split.shape[1] == cfg.split_channels and last.shape[1] == cfg.out_channels
    assert [2 * size for size in last.shape[2:]] == list(split.shape[2:])
    if side == 224:
        assert split.shape[2:] == (28, 28)
    assert model.backbone.out_indices[0] == model.head.split_stage - 1


TABLE_ALPHA_BETA_K_THRESHOLD = {  # specs/bas.md 2.2 and 3.1
    'bas_vgg16_cub_cvpr': (0, 0.7, 80, 0.15),
    'bas_resnet50_cub_cvpr': (0.5, 1.2, 200, 0.15),
    'bas_mobilenetv1_cub_cvpr': (0.5, 1.5, 200, 0.15),
    'bas_inceptionv3_cub_cvpr': (0.5, 1.0, 200, 0.10),
    'bas_vgg16_cub': (0, 0.9, 80, 0.10),
    'bas_resnet50_cub': (0.5, 1.5, 200, 0.10),
    'bas_mobilenetv1_cub': (0.5, 1.9, 80, 0.10),
    'bas_inceptionv3_cub': (0.5, 1.0, 200, 0.10),
    'bas_vgg16_ilsvrc': (0.05, 1.0, 1, 0.45),
    'bas_resnet50_ilsvrc': (1.0, 2.0, 1, 0.25),
    'bas_mobilenetv1_ilsvrc': (0.5, 1.5, 1, 0.50),
    'bas_inceptionv3_ilsvrc': (1.0, 2.5, 1, 0.25),
}


@pytest.mark.parametrize('name', TABLE_ALPHA_BETA_K_THRESHOLD)
def test_bas_has_the_values_of_its_release(name: str) -> None:
    cfg = Config.fromfile(str(CONFIGS / 'bas' / f'{name}.py'))
    alpha, beta, k, threshold = TABLE_ALPHA_BETA_K_THRESHOLD[name]
    protocol, head = cfg.test_evaluator.protocols[0], cfg.model.head
    assert (head.frg_weight, head.loss_area.loss_weight) == (alpha, beta)
    assert (protocol.topk, protocol.threshold) == (k, threshold)
    released = name.endswith('cvpr')
    assert protocol.name == ('bas' if released else 'bas_ext')
    assert head.final_relu == released and head.loss_bas.relu == (not released)
    constant_zero = released or 'vgg16' in name
    assert head.loss_bas.replaced_value == (0 if constant_zero else 1)
    assert head.loss_bas.get('replace_equal', False) == released
    wrapper = cfg.optim_wrapper.optimizer
    assert (wrapper.lr, wrapper.momentum, wrapper.weight_decay, wrapper.nesterov) == (1e-3, 0.9, 5e-4, True)
    ilsvrc = 'ilsvrc' in name
    assert cfg.train_cfg.max_epochs == (9 if ilsvrc else 100 if released else 120)
    assert list(cfg.param_scheduler[0].milestones) == ([3, 6] if ilsvrc else [80])


TRANSFORMERS = {  # specs/tscam_scm.md 4.4 and 4.5, specs/sat.md 4: learning rate, epochs, drops behind, images of a GPU
    'tscam_deittiny_cub': (5e-5, 60, [29, 59], 128),
    'tscam_deitsmall_cub': (5e-5, 60, [29, 59], 128),
    'tscam_deittiny_ilsvrc': (5e-4, 20, [9, 11, 19], 16),
    'tscam_deitsmall_ilsvrc': (5e-4, 20, [9, 11, 19], 32),
    'scm_deitsmall_cub': (5e-5, 30, [29], 256),
    'scm_deitsmall_ilsvrc': (1e-6, 20, [9, 11, 19], 64),
    'scm_deitbase_ilsvrc': (1e-6, 10, [9], 64),
    'sat_deitsmall_cub': (1e-4, 30, None, 256),
    'sat_deitsmall_ilsvrc': (1.5e-5, 1, None, 128),
}


@pytest.mark.parametrize('name', TRANSFORMERS)
def test_transformers_have_the_values_of_their_release(name: str) -> None:
    cfg = Config.fromfile(str(CONFIGS / name.split('_')[0] / f'{name}.py'))
    lr, epochs, milestones, batch = TRANSFORMERS[name]
    optimizer, schedulers = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (optimizer.lr, tuple(optimizer.betas), optimizer.weight_decay) == (lr, (0.9, 0.999), 0.05)
    assert cfg.train_cfg.max_epochs == epochs and cfg.train_dataloader.batch_size == batch
    assert (list(schedulers[0].milestones) if schedulers else None) == milestones
    assert cfg.model.backbone.drop_path_rate == 0.1
    if name.startswith('sat'):
        area = cfg.model.head.loss_area
        assert (area.target, area.reduction) == ((0.35, 'per_rank') if 'ilsvrc' in name else (0.25, 'global'))
    else:
        scale = next(step['scale'] for step in cfg.test_pipeline if 'scale' in step)
        assert scale == (224, 224) and cfg.model.head.coupling == ('minmax' if 'scm' in name else 'raw')


@pytest.mark.parametrize('path', BASES, ids=[path.stem for path in BASES])
def test_base_files_load_and_have_a_docstring(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
    Config.fromfile(str(path))


def test_text_of_a_config_can_be_dumped_and_read_again(tmp_path: Path) -> None:
    cfg = Config.fromfile(str(CONFIGS / 'bas' / 'bas_mobilenetv1_cub.py'))
    cfg.dump(str(tmp_path / 'dumped.py'))
    again = Config.fromfile(str(tmp_path / 'dumped.py'))
    assert again.model.head.split_stage == 4 and build(again).head.num_classes == 200


@pytest.mark.parametrize('method', ['cam', 'has', 'cutmix', 'adl'])
def test_resnet50_on_ilsvrc_starts_with_the_imagenet_classifier(method: str, tmp_path: Path) -> None:
    cfg = Config.fromfile(str(CONFIGS / method / f'{method}_resnet50_ilsvrc.py'))
    assert cfg.model.head.init_cfg == cfg.model.backbone.init_cfg[1]
    file = tmp_path / 'resnet50.pth'
    cfg.model.head.init_cfg.checkpoint = str(file)
    head = MODELS.build(cfg.model.head)
    torch.save(
        {'conv1.weight': torch.zeros(1), 'fc.weight': torch.ones(1000, 2048), 'fc.bias': torch.ones(1000)},
        file,
    )
    head.init_weights()
    assert head.fc.weight.eq(1).all() and head.fc.bias.eq(1).all()
