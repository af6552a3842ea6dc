from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from mmwsol.models.backbones import StagedBackbone
from mmwsol.registry import MODELS


def test_only_outputs_of_out_indices_come_back(tiny_backbone: type) -> None:
    images = torch.randn(1, 3, 32, 32)
    shapes = [tuple(out.shape[1:]) for out in tiny_backbone(out_indices=(0, 2))(images)]
    assert shapes == [(6, 16, 16), (10, 4, 4)]


def test_negative_and_unsorted_out_indices_count_from_the_end_and_are_sorted(tiny_backbone: type) -> None:
    assert tiny_backbone(out_indices=(-1, 0)).out_indices == (0, 2)


def test_last_stage_run_is_always_in_the_output(tiny_backbone: type) -> None:
    backbone = tiny_backbone(out_indices=(0,))
    assert [out.shape[1] for out in backbone(torch.randn(1, 3, 32, 32))] == [6, 10]
    assert [out.shape[1] for out in backbone(torch.randn(1, 3, 32, 32), stop=2)] == [6, 8]


def test_entering_at_any_stage_equals_running_through(tiny_backbone: type) -> None:
    backbone, images = tiny_backbone().eval(), torch.randn(2, 3, 33, 47)
    for stage in (1, 2):
        entered = backbone(backbone(images, stop=stage)[-1], start=stage)
        assert torch.equal(entered[-1], backbone(images)[-1])


@pytest.mark.parametrize('index', [3, -4])
def test_out_index_without_a_stage_is_refused(tiny_backbone: type, index: int) -> None:
    with pytest.raises(ValueError, match=r'TinyBackbone has stages 0\.\.2, got out_indices=\(' + str(index)):
        tiny_backbone(out_indices=(index,))


def test_stage_prefixes_own_the_parameters_behind_a_stage(tiny_backbone: type) -> None:
    backbone = tiny_backbone()
    assert backbone.stage_prefixes(1) == ('middle.', 'last.')
    assert backbone.stage_prefixes(3) == ()


def test_prefix_ends_with_a_dot_so_that_stage_1_does_not_claim_stage_10() -> None:
    from mmwsol.models.backbones import MobileNetV1

    assert 'model.1.' in MobileNetV1().stage_prefixes(0)
    assert not 'model.10.0.weight'.startswith('model.1.')


def test_frozen_stages_are_frozen_before_training_begins(tiny_backbone: type) -> None:
    backbone = tiny_backbone(frozen_stages=2)
    trained = {name for name, p in backbone.named_parameters() if p.requires_grad}
    assert trained and all(name.startswith('last.') for name in trained)


def test_frozen_stages_keep_weights_and_statistics_in_training_mode(tiny_backbone: type) -> None:
    backbone = tiny_backbone(frozen_stages=2).train()
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    backbone(torch.randn(2, 3, 32, 32))[-1].sum().backward()
    moved = {name for name, value in backbone.named_buffers() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith('last.') for name in moved)
    trained = {name for name, p in backbone.named_parameters() if p.grad is not None}
    assert trained and all(name.startswith('last.') for name in trained)


def test_pretrained_weights_come_after_random_initialisation(tiny_backbone: type, tmp_path: Path) -> None:
    stored = tiny_backbone().state_dict()
    torch.save(stored, tmp_path / 'weights.pth')
    init_cfg = [
        dict(type='Constant', layer='Conv2d', val=7.0),
        dict(type='Pretrained', checkpoint=str(tmp_path / 'weights.pth')),
    ]
    backbone = tiny_backbone(init_cfg=init_cfg)
    backbone.init_weights()
    assert torch.equal(backbone.stem[0].weight, stored['stem.0.weight'])
    assert backbone.init_cfg == init_cfg


def test_second_init_weights_changes_nothing(tiny_backbone: type) -> None:
    backbone = tiny_backbone(init_cfg=dict(type='Constant', layer='Conv2d', val=7.0))
    backbone.init_weights()
    assert backbone.stem[0].weight.unique().tolist() == [7]
    nn.init.zeros_(backbone.stem[0].weight)
    backbone.init_weights()
    assert not backbone.stem[0].weight.any()


class Doubling(nn.Module):
    """A plugin whose effect can be told: twice the feature."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


def doubled(**place: int | str) -> dict:
    return dict(layer=dict(type=Doubling), **place)


@pytest.mark.parametrize('place', [dict(stage=1), dict(after='middle'), dict(after='middle.2')])
def test_plugin_acts_at_the_end_of_its_stage(tiny_backbone: type, place: dict) -> None:
    plain, backbone = tiny_backbone().eval(), tiny_backbone(plugins=[doubled(**place)]).eval()
    backbone.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(backbone(images)[0], 2 * plain(images)[0])


def test_plugin_acts_behind_a_layer_inside_a_stage(tiny_backbone: type) -> None:
    backbone = tiny_backbone(plugins=[doubled(after='middle.0')]).eval()
    assert backbone.stages[1] == ('middle.0', 'plugins.0', 'middle.1', 'middle.2')
    x = torch.randn(2, 6, 8, 8)
    expected = backbone.middle[2](backbone.middle[1](2 * backbone.middle[0](x)))
    assert torch.equal(backbone(x, start=1, stop=2)[-1], expected)


def test_plugins_behind_the_same_layer_run_in_the_order_of_their_list(tiny_backbone: type) -> None:
    backbone = tiny_backbone(plugins=[doubled(after='middle.0'), doubled(after='middle.0')])
    assert backbone.stages[1][:3] == ('middle.0', 'plugins.0', 'plugins.1')


def test_without_plugins_and_cuts_nothing_changes(tiny_backbone: type) -> None:
    backbone = tiny_backbone()
    assert backbone.stages == [('stem',), ('middle',), ('last',)] and not hasattr(backbone, 'plugins')


def test_cut_makes_the_output_of_a_layer_a_stage_of_its_own(tiny_backbone: type) -> None:
    plain, backbone = tiny_backbone().eval(), tiny_backbone(cuts=['middle.0'], out_indices=(1, 2, 3)).eval()
    backbone.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 32, 32)
    inside, middle, last = backbone(images)
    assert torch.equal(inside, plain.middle[0](plain.stem(images)))
    assert torch.equal(middle, plain(images)[0]) and torch.equal(last, plain(images)[1])
    assert backbone.channels == (6, 8, 8, 10)
    assert backbone.stage_prefixes(3) == ('last.',)
    assert torch.equal(backbone(inside, start=2)[-1], last)


def test_stage_of_a_plugin_counts_behind_the_cuts(tiny_backbone: type) -> None:
    backbone = tiny_backbone(cuts=['middle.0'], plugins=[doubled(stage=1)])
    assert backbone.stages[1] == ('middle.0', 'plugins.0')


@pytest.mark.parametrize('option', [dict(cuts=['middle.7']), dict(plugins=[doubled(after='neck')])])
def test_unknown_layer_is_refused_with_those_there_are(tiny_backbone: type, option: dict) -> None:
    with pytest.raises(ValueError, match=r"runs no layer '(middle.7|neck)'.*'stem'"):
        tiny_backbone(**option)


def test_cut_at_the_end_of_a_stage_is_refused(tiny_backbone: type) -> None:
    with pytest.raises(ValueError, match=r'middle\.2 already ends stage 1'):
        tiny_backbone(cuts=['middle.2'])


@pytest.mark.parametrize('place', [dict(), dict(stage=3), dict(stage=1, after='middle')])
def test_plugin_without_one_place_is_refused(tiny_backbone: type, place: dict) -> None:
    with pytest.raises(ValueError, match=r'a plugin is dict\(layer=..., stage=0..2\) or'):
        tiny_backbone(plugins=[doubled(**place)])


def test_backbone_that_never_arranges_its_stages_says_so_when_it_runs() -> None:
    class Forgetful(StagedBackbone):
        def __init__(self, **kwargs) -> None:
            super().__init__([['stem']], (3,), **kwargs)
            self.stem = nn.Identity()

    assert Forgetful()(torch.zeros(1, 3, 2, 2))
    with pytest.raises(ValueError, match=r'Forgetful never called arrange_stages\(\)'):
        Forgetful(plugins=[doubled(stage=0)])(torch.zeros(1, 3, 2, 2))


@pytest.mark.parametrize(
    ('name', 'options', 'place'),
    [
        ('ResNet', {}, dict(after='layer3.0')),
        ('VGG16', {}, dict(after='features.16')),
        ('InceptionV3', dict(num_stages=3), dict(stage=1)),
        ('MobileNetV1', {}, dict(after='model.6')),
        ('TimmBackbone', dict(name='tf_efficientnet_lite0'), dict(after='blocks.3.0')),
        ('TimmBackbone', dict(name='test_resnet'), dict(stage=3)),
    ],
)
def test_every_staged_backbone_takes_plugins_without_new_parameters(
    name: str, options: dict, place: dict
) -> None:
    cfg = dict(type=name, **options)
    with torch.device('meta'):
        plain = MODELS.build(dict(cfg))
        backbone = MODELS.build(dict(cfg, plugins=[dict(layer=dict(type='ADL'), **place)]))
        x = torch.empty(1, 3, 64, 64)
    assert backbone.state_dict().keys() == plain.state_dict().keys()
    assert [out.shape for out in backbone(x)] == [out.shape for out in plain(x)]
    assert sum('plugins.0' in names for names in backbone.stages) == 1


def test_adl_acts_in_training_only(tiny_backbone: type) -> None:
    adl = dict(layer=dict(type='ADL', drop_rate=1.0, threshold=0.0), stage=2)
    backbone, images = tiny_backbone(plugins=[adl]), torch.randn(2, 3, 32, 32)
    assert not backbone.train()(images)[-1].any() and backbone.eval()(images)[-1].any()


def test_layer_of_a_stage_is_the_one_it_ends_with(tiny_backbone: type) -> None:
    backbone = tiny_backbone(plugins=[dict(layer=dict(type='ADL'), stage=1)])
    assert [backbone.layer_name(stage) for stage in (0, 1, -1)] == ['stem', 'plugins.0', 'last']
    with pytest.raises(ValueError, match=r'TinyBackbone has stages 0\.\.2, got the layer -4'):
        backbone.layer_name(-4)
