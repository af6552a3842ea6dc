from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn

from mmwsol.models.backbones import MobileNetV1, TimmBackbone
from mmwsol.models.backbones.pretrained_weights import (
    load_pretrained_weights,
    plain_state_dict,
    read_state_dict,
    resolve_weights_path,
)


def make_module() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))


def save(tmp_path: Path, content: object) -> str:
    torch.save(content, tmp_path / 'weights.pth')
    return str(tmp_path / 'weights.pth')


def assert_filled(module: nn.Module, state: dict[str, Tensor]) -> None:
    own = {k: v for k, v in module.state_dict().items() if not k.endswith('num_batches_tracked')}
    for ours, theirs in zip(own.values(), state.values()):
        assert torch.equal(ours, theirs.float())


def numbered_state(prefix: str = '') -> dict[str, Tensor]:
    """Distinct values in the layout of ``make_module`` without the batch counter."""
    shapes = {
        k: v.shape for k, v in make_module().state_dict().items() if not k.endswith('num_batches_tracked')
    }
    return {prefix + key: torch.full(shape, float(i)) for i, (key, shape) in enumerate(shapes.items())}


@pytest.mark.parametrize('prefix', ['', 'module.', 'backbone.', 'module.backbone.'])
def test_equal_names_are_copied_and_surplus_is_left(tmp_path: Path, prefix: str) -> None:
    state = numbered_state(prefix)
    surplus = 'module.fc.weight' if prefix.startswith('module.') else 'fc.weight'
    module = make_module()
    load_pretrained_weights(module, save(tmp_path, {**state, surplus: torch.zeros(3)}))
    assert_filled(module, state)


@pytest.mark.parametrize('key', ['state_dict', 'model', 'model_state_dict'])
def test_usual_wrappings_are_removed(key: str) -> None:
    state = {'conv.weight': torch.ones(1)}
    assert list(plain_state_dict({key: state, 'epoch': 3})) == ['conv.weight']


def test_position_ignores_names_and_batch_counters(tmp_path: Path) -> None:
    state = {f'layer{i}.x': value for i, value in enumerate(numbered_state().values())}
    counted = {
        **dict(list(state.items())[:3]),
        'bn.num_batches_tracked': torch.tensor(9),
        **state,
        'fc': torch.ones(1),
    }
    module = make_module()
    load_pretrained_weights(module, save(tmp_path, counted), match='position')
    assert_filled(module, state)
    assert module[1].num_batches_tracked.item() == 0


def test_half_precision_is_widened(tmp_path: Path) -> None:
    state = {key: value.half() for key, value in numbered_state().items()}
    module = make_module()
    load_pretrained_weights(module, save(tmp_path, state))
    assert module[0].weight.dtype == torch.float32
    assert_filled(module, state)


def test_wrong_shape_names_entry_expectation_and_finding(tmp_path: Path) -> None:
    state = {**numbered_state(), '0.weight': torch.zeros(5, 1, 1, 1)}
    with pytest.raises(ValueError, match=r'first 0\.weight: expected \(2, 1, 1, 1\), got \(5, 1, 1, 1\)'):
        load_pretrained_weights(make_module(), save(tmp_path, state))


def test_missing_entries_point_to_matching_by_position(tmp_path: Path) -> None:
    state = {f'other.{key}': value for key, value in numbered_state().items()}
    with pytest.raises(
        ValueError, match=r"6 of 6 tensors .* got nothing.*other\.0\.weight.*match='position'"
    ):
        load_pretrained_weights(make_module(), save(tmp_path, state))


def test_refused_file_leaves_the_module_as_it_was(tmp_path: Path) -> None:
    module = make_module()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(ValueError):
        load_pretrained_weights(module, save(tmp_path, {**numbered_state(), '1.bias': torch.zeros(3)}))
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_unknown_matching_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'name' or 'position', got 'order'"):
        load_pretrained_weights(make_module(), save(tmp_path, numbered_state()), match='order')


def test_relative_paths_are_looked_up_below_the_weights_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path, numbered_state())
    monkeypatch.setenv('MMWSOL_WEIGHTS_ROOT', str(tmp_path))
    assert resolve_weights_path('weights.pth') == path
    assert resolve_weights_path('https://host/weights.pth') == 'https://host/weights.pth'


def test_missing_file_names_both_places_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MMWSOL_WEIGHTS_ROOT', str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth.*--random-weights') as error:
        read_state_dict('nowhere.pth')
    assert str(Path('nowhere.pth').absolute()) in str(error.value)
    assert str(tmp_path / 'nowhere.pth') in str(error.value)


def test_unreadable_file_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / 'broken.pth'
    path.write_bytes(b'PK\x03\x04 cut off')
    with pytest.raises(ValueError, match=r'broken\.pth .*damaged'):
        read_state_dict(str(path))


def test_file_without_tensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no named tensors; its keys are \['epoch'\]"):
        read_state_dict(save(tmp_path, {'epoch': 3}))


@pytest.mark.parametrize('source', ['https://host/net.pth', 'torchvision://vgg16', 'timm://resnet10t'])
def test_failed_download_names_the_option_to_start_from_random_weights(
    monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    def refuse(*args, **kwargs) -> None:
        raise URLError('no network')

    monkeypatch.setattr(f'{load_pretrained_weights.__module__}.CheckpointLoader.load_checkpoint', refuse)
    monkeypatch.setattr('timm.create_model', refuse)
    with pytest.raises(ConnectionError, match=f'cannot download .*{source}.*no network.*--random-weights'):
        read_state_dict(source)


def test_timm_names_give_timms_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('timm.create_model', lambda name, pretrained: nn.Linear(1, 1) if pretrained else None)
    assert set(read_state_dict('timm://any')) == {'weight', 'bias'}


def test_real_mobilenet_fills_all_135_tensors(shared_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MMWSOL_WEIGHTS_ROOT', str(shared_dir / 'weights'))
    backbone = MobileNetV1(init_cfg=dict(type='Pretrained', checkpoint='mobilenet_v1_1.0_224.pth'))
    backbone.init_weights()
    stored = read_state_dict('mobilenet_v1_1.0_224.pth')
    own = {
        key: value for key, value in backbone.state_dict().items() if not key.endswith('num_batches_tracked')
    }
    assert len(own) == 135
    assert all(torch.equal(value, stored[key].float()) for key, value in own.items())


def test_real_efficientnet_lite0_fills_timms_by_position(
    shared_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MMWSOL_WEIGHTS_ROOT', str(shared_dir / 'weights'))
    backbone = TimmBackbone('efficientnet_lite0', checkpoint='efficientnet_lite0.pth', match='position')
    backbone.init_weights()
    source = read_state_dict('efficientnet_lite0.pth')
    stored = {key: value for key, value in source.items() if not key.endswith('num_batches_tracked')}
    own = {
        key: value for key, value in backbone.state_dict().items() if not key.endswith('num_batches_tracked')
    }
    for (key, value), (theirs, expected) in zip(own.items(), stored.items()):
        assert key.rpartition('.')[2] == theirs.rpartition('.')[2], (key, theirs)
        assert torch.equal(value, expected.float())
    assert next(key for key in list(stored)[len(own) :]).startswith('_conv_head')


def test_renamed_beginnings_take_a_classifier_out_of_a_network(tmp_path: Path) -> None:
    state = {'stem.weight': torch.zeros(9), 'head.weight': torch.rand(2, 3), 'head.bias': torch.rand(2)}
    module = nn.ModuleDict(dict(fc=nn.Linear(3, 2)))
    load_pretrained_weights(module, save(tmp_path, state), rename={'head.': 'fc.'})
    assert torch.equal(module['fc'].weight, state['head.weight'])
    assert torch.equal(module['fc'].bias, state['head.bias'])


def test_only_the_named_tensors_are_taken_where_others_do_not_fit(tmp_path: Path) -> None:
    state = {'head.weight': torch.rand(2, 3), 'head.bias': torch.rand(2)}
    module = nn.ModuleDict(dict(semantic=nn.Conv2d(3, 2, 3)))
    before = module['semantic'].weight.clone()
    checkpoint = save(tmp_path, state)
    load_pretrained_weights(module, checkpoint, rename={'head.': 'semantic.'}, only=['semantic.bias'])
    assert torch.equal(module['semantic'].bias, state['head.bias'])
    assert torch.equal(module['semantic'].weight, before)
    with pytest.raises(ValueError, match=r'semantic\.weight: expected \(2, 3, 3, 3\), got \(2, 3\)'):
        load_pretrained_weights(module, checkpoint, rename={'head.': 'semantic.'})
