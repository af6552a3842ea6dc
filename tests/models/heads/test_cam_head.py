from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmwsol.models.heads import CAMHead


@pytest.fixture
def features() -> Tensor:
    return torch.randn(2, 5, 4, 6, generator=torch.Generator().manual_seed(0))


def all_maps(head: CAMHead, features: Tensor) -> Tensor:
    every = torch.arange(head.num_classes).expand(len(features), -1)
    return head.localize(head.pre_logits([features]), every)


def test_mean_of_a_linear_map_plus_the_bias_is_the_logit(features: Tensor) -> None:
    head = CAMHead(num_classes=3, in_channels=5)
    torch.testing.assert_close(all_maps(head, features).mean((2, 3)) + head.fc.bias, head([features]))


def test_mean_of_a_conv_map_is_the_logit(features: Tensor) -> None:
    head = CAMHead(num_classes=3, in_channels=5, form='conv')
    torch.testing.assert_close(all_maps(head, features).mean((2, 3)), head([features]))


def test_both_forms_of_equal_weights_give_equal_logits_and_maps_that_differ_by_the_bias(
    features: Tensor,
) -> None:
    linear, conv = CAMHead(3, 5, form='linear'), CAMHead(3, 5, form='conv')
    conv.fc.weight.data = linear.fc.weight.data[:, :, None, None]
    conv.fc.bias.data = linear.fc.bias.data
    torch.testing.assert_close(linear([features]), conv([features]))
    difference = all_maps(conv, features) - all_maps(linear, features)
    torch.testing.assert_close(difference, linear.fc.bias[None, :, None, None].expand_as(difference))


def test_map_is_the_weighted_sum_of_the_channels() -> None:
    head = CAMHead(num_classes=2, in_channels=2)
    head.fc.weight.data = torch.tensor([[1.0, 10.0], [2.0, -1.0]])
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # (1, 2, 1, 2)
    assert all_maps(head, features).tolist() == [[[[31.0, 42.0]], [[-1.0, 0.0]]]]


def test_only_the_last_of_several_feature_maps_is_read(features: Tensor) -> None:
    head = CAMHead(num_classes=3, in_channels=5)
    torch.testing.assert_close(head([torch.zeros(2, 9, 8, 8), features]), head([features]))


def test_hidden_convolutions_and_dropouts_stand_before_the_classifier() -> None:
    head = CAMHead(3, 5, form='conv', hidden_channels=(7, 8), dropout=0.5)
    kinds = [type(layer) for layer in head.hidden]
    assert kinds == [nn.Dropout, nn.Conv2d, nn.ReLU, nn.Dropout, nn.Conv2d, nn.ReLU, nn.Dropout]
    assert head.fc.weight.shape == (3, 8, 1, 1)


def test_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="'linear' or 'conv', got 'gap'"):
        CAMHead(3, 5, form='gap')


def crc_weights(names: list[str], shapes: list[tuple[int, ...]]) -> dict[str, Tensor]:
    """The weight rule of wsol_models.npz: each tensor from the checksum of its official name."""
    import zlib

    norms = {name.rpartition('.')[0] for name in names if name.endswith('running_var')}
    out = {}
    for name, shape in zip(names, shapes):
        random = np.random.RandomState(zlib.crc32(name.encode()) % 2**32)
        module, _, leaf = name.rpartition('.')
        if leaf == 'num_batches_tracked':
            value = np.zeros(shape)
        elif module in norms and leaf == 'weight':
            value = (
                0.2 + 0.1 * random.rand(*shape) if module.endswith('bn3') else 0.8 + 0.4 * random.rand(*shape)
            )
        elif module in norms and leaf == 'running_var':
            value = 0.5 + random.rand(*shape)
        elif len(shape) == 4:
            value = random.randn(*shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif len(shape) == 2:
            value = random.randn(*shape) / np.sqrt(shape[1])
        else:
            value = 0.1 * random.randn(*shape)
        out[name] = torch.from_numpy(np.asarray(value, np.float32))
    return out


def our_name(official: str, vgg_features: dict[str, str]) -> str:
    module, _, leaf = official.rpartition('.')
    head = {
        'fc': 'fc',
        'conv6': 'hidden.0',
        'SPG_A3_1b.0': 'hidden.1',
        'SPG_A3_2b.0': 'hidden.4',
        'SPG_A4': 'fc',
    }
    return (
        f'head.{head[module]}.{leaf}'
        if module in head
        else f'backbone.{vgg_features.get(module, module)}.{leaf}'
    )


GOLDEN = [  # architecture, large feature map, backbone, head
    ('vgg16', 0, dict(type='VGG16'), dict(in_channels=512, hidden_channels=(1024,))),
    ('vgg16', 1, dict(type='VGG16', strides=(1, 2, 2, 2, 1)), dict(in_channels=512, hidden_channels=(1024,))),
    ('resnet50', 0, dict(type='ResNet'), dict(in_channels=2048)),
    ('resnet50', 1, dict(type='ResNet', strides=(1, 2, 1, 1)), dict(in_channels=2048)),
    ('inception_v3', 0, dict(type='InceptionV3', num_stages=3, pool_before_6=True), {}),
    ('inception_v3', 1, dict(type='InceptionV3', num_stages=3), {}),
]
INCEPTION_HEAD = dict(in_channels=768, form='conv', hidden_channels=(1024, 1024), dropout=0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('arch', 'lfm', 'backbone', 'head'), GOLDEN, ids=[f'{arch} lfm{lfm}' for arch, lfm, *_ in GOLDEN]
)
@torch.no_grad()
def test_logits_map_and_loss_equal_wsolevaluations(
    golden: Callable[[str], Mapping], samples_of: Callable, arch: str, lfm: int, backbone: dict, head: dict
) -> None:
    from mmwsol.models.localizers import Localizer

    fixture, prefix = golden('wsol_models'), f'{arch}_cam_lfm{lfm}'
    names = fixture[f'{prefix}_state_names'].tolist()
    shapes = [
        tuple(int(v) for v in text.strip('(),').split(',') if v) for text in fixture[f'{prefix}_state_shapes']
    ]
    model = Localizer(
        backbone=backbone, head=dict(type='CAMHead', num_classes=12, **(head or INCEPTION_HEAD))
    ).eval()
    ours = [m for m, layer in model.backbone.named_modules() if isinstance(layer, nn.Conv2d)]
    theirs = dict.fromkeys(name.rpartition('.')[0] for name in names if name.startswith('features.'))
    vgg_features = dict(zip(theirs, ours))
    state = {our_name(name, vgg_features): value for name, value in crc_weights(names, shapes).items()}
    model.load_state_dict(state, strict=True)

    images = torch.from_numpy(np.random.RandomState(0).randn(2, 3, 224, 224).astype(np.float32))
    labels = fixture['labels'].tolist()
    feats = model.extract_feat(images)
    pre_logits = model.head.pre_logits(feats)
    maps = model.head.localize(pre_logits, torch.tensor(labels)[:, None])[:, 0]
    if model.head.form == 'linear':
        maps = maps / pre_logits.shape[1]  # theirs is the channel mean of the products, ours the sum
    loss = model.head.loss(feats, samples_of(labels))['loss_cls']
    for key, value in (('logits', model.head(feats)), ('cam', maps), ('loss', loss)):
        expected = fixture[f'{prefix}_{key}']
        np.testing.assert_allclose(value.numpy(), expected, rtol=0, atol=1e-4 * np.abs(expected).max())
