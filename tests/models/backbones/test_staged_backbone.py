from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn


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
