from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch

from mmwsol.models.backbones import TimmBackbone

FEATURE_LISTS = ['test_resnet', 'test_convnext', 'test_byobnet', 'resnet10t']
BLOCKS = ['test_efficientnet', 'mobilenetv3_small_050', 'tinynet_e', 'ghostnet_050', 'lcnet_035']


def all_outputs(backbone: TimmBackbone, images: torch.Tensor) -> list[torch.Tensor]:
    backbone.out_indices = tuple(range(len(backbone.stages)))
    with torch.no_grad():
        return list(backbone.eval()(images))


@pytest.mark.parametrize('name', FEATURE_LISTS + BLOCKS)
def test_channels_are_those_of_the_real_outputs(name: str) -> None:
    backbone = TimmBackbone(name)
    outputs = all_outputs(backbone, torch.randn(1, 3, 64, 64))
    assert backbone.channels == tuple(out.shape[1] for out in outputs)
    assert len(set(backbone.stages)) == len(backbone.stages)


@pytest.mark.parametrize('name', FEATURE_LISTS)
def test_feature_list_stages_equal_timms_features(name: str) -> None:
    theirs, ours = timm.create_model(name, features_only=True).eval(), TimmBackbone(name)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    images = torch.randn(1, 3, 64, 64)
    for out, expected in zip(all_outputs(ours, images), theirs(images), strict=True):
        assert torch.equal(out, expected)


@pytest.mark.parametrize('name', BLOCKS)
@torch.no_grad()
def test_block_stages_equal_timms_network_up_to_its_head(name: str) -> None:
    theirs, ours = timm.create_model(name).eval(), TimmBackbone(name)
    ours.load_state_dict(
        {k: v for k, v in theirs.state_dict().items() if k in ours.state_dict()}, strict=True
    )
    images = torch.randn(1, 3, 64, 64)
    seen: list[torch.Tensor] = []
    theirs.blocks.register_forward_hook(lambda module, args, out: seen.append(out))
    theirs(images)
    assert torch.equal(all_outputs(ours, images)[-1], seen[0])


def test_every_stage_can_be_entered(assert_enterable: Callable) -> None:
    assert_enterable(TimmBackbone('test_resnet'))
    assert_enterable(TimmBackbone('efficientnet_lite0'))


def test_dropped_strides_enlarge_the_maps_behind_them() -> None:
    backbone = TimmBackbone('efficientnet_lite0', strides={3: 1}, out_indices=(4, 6))
    shapes = [tuple(out.shape[1:]) for out in backbone.eval()(torch.randn(1, 3, 224, 224))]
    assert shapes == [(112, 28, 28), (320, 14, 14)]


def test_stride_of_a_pool_can_be_dropped_too() -> None:
    backbone = TimmBackbone('test_resnet', strides={2: 1, 4: 1})
    shapes = [tuple(out.shape[1:]) for out in all_outputs(backbone, torch.randn(1, 3, 112, 112))]
    assert shapes[2:] == [(48, 28, 28), (192, 14, 14), (96, 14, 14)]


def test_stage_without_a_stride_is_refused() -> None:
    with pytest.raises(ValueError, match='stage 4 of TimmBackbone has no layer of stride 2'):
        TimmBackbone('efficientnet_lite0', strides={4: 1})


def test_unknown_name_lists_similar_ones() -> None:
    with pytest.raises(ValueError, match=r"no model 'mobilenetv3_tiny'; similar names: \['mobilenetv3_"):
        TimmBackbone('mobilenetv3_tiny')


@pytest.mark.parametrize('name', ['test_vit', 'vit_tiny_patch16_224'])
def test_transformer_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f'{name}.* has no list of convolutional stages'):
        TimmBackbone(name)


def test_network_with_channels_last_is_refused() -> None:
    with pytest.raises(ValueError, match=r'mambaout_femto.* does not put out maps'):
        TimmBackbone('mambaout_femto')


def test_timm_arguments_are_passed_on() -> None:
    assert TimmBackbone('test_resnet', norm_layer=torch.nn.Identity).state_dict().keys() < (
        TimmBackbone('test_resnet').state_dict().keys()
    )


@torch.no_grad()
def test_head_convolution_is_a_last_stage_that_equals_timms_features() -> None:
    theirs = timm.create_model('test_efficientnet').eval()
    ours = TimmBackbone('test_efficientnet', head_conv=True).eval()
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if not k.startswith('classifier')})
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours(images)[-1], theirs.forward_features(images))
    assert ours.channels[-1] == theirs.conv_head.out_channels


def test_network_without_head_convolution_is_refused() -> None:
    with pytest.raises(ValueError, match="'test_resnet' has no conv_head"):
        TimmBackbone('test_resnet', head_conv=True)
