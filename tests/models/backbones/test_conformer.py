from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from mmwsol.apis.official_checkpoints import rename_conformer_key
from mmwsol.models.backbones import Conformer
from mmwsol.registry import MODELS

TINY = dict(channel_ratio=1, embed_dim=48, depth=3, num_heads=3, mlp_ratio=2, drop_path_rate=0.0)


def tiny(**overrides) -> Conformer:
    torch.manual_seed(0)
    return Conformer(**{**TINY, **overrides})


def images(height: int = 64, width: int = 64, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def shapes(backbone: Conformer, height: int, width: int) -> list[tuple[int, ...]]:
    with torch.no_grad():
        return [tuple(out.shape) for out in backbone(torch.empty(2, 3, height, width, device='meta'))]


# ------------------------------------------------------------------------------------------ form


def test_conformer_small_has_a_14x14_patch_map_and_a_7x7_convolutional_map() -> None:
    with torch.device('meta'):
        backbone = MODELS.build(dict(type='Conformer', attention='always'))
    assert shapes(backbone, 224, 224) == [(2, 12, 197), (2, 1024, 7, 7), (2, 384, 14, 14)]
    assert backbone.channels == (1024, 384)


@pytest.mark.parametrize('patch', [16, 32])
def test_any_multiple_of_the_patch_is_an_input(patch: int) -> None:
    backbone = tiny(patch_size=patch, attention='always').to('meta')
    for h, w in [(1, 1), (2, 3), (5, 4), (14, 28)]:
        half = (-(-h * patch // 32), -(-w * patch // 32))  # rounded up
        assert shapes(backbone, h * patch, w * patch) == [(2, 3, 1 + h * w), (2, 256, *half), (2, 48, h, w)]


def test_another_input_size_is_refused() -> None:
    with pytest.raises(
        ValueError, match='the input is 64x70, but this Conformer needs multiples of its patch, 16'
    ):
        tiny()(torch.empty(1, 3, 64, 70))


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(patch_size=24), 'patch_size .* multiple of 16, got 24'),
        (dict(depth=4), 'depth .* multiple of 3, got 4'),
        (dict(num_heads=5), 'embed_dim .* multiple of 5, got 48'),
        (dict(attention='all'), "one of .*'none', 'test', 'always'.* got 'all'"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**wrong)


def test_paths_are_dropped_in_the_transformer_only_and_linearly_more() -> None:
    backbone = tiny(depth=6, drop_path_rate=0.1)
    rates = {
        name: module.drop_prob for name, module in backbone.named_modules() if hasattr(module, 'drop_prob')
    }
    assert all('trans_block.drop_path' in name for name in rates)
    assert sorted(rates.values()) == pytest.approx(sorted([0.02, 0.04, 0.06, 0.08, 0.1] * 2))


def test_building_one_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        tiny()


# ------------------------------------------------------------------------------------------ attention


@torch.no_grad()
def test_rows_leave_the_maps_alone() -> None:
    with_rows, without = tiny(attention='always').eval(), tiny().eval()
    assert all(torch.equal(a, b) for a, b in zip(with_rows(images())[1:], without(images()), strict=True))


@torch.no_grad()
def test_rows_equal_the_class_rows_of_explicit_softmax_matrices() -> None:
    backbone, projected = tiny(attention='always').eval(), []
    for name, module in backbone.named_modules():
        if name.endswith('.qkv'):
            nn.init.normal_(module.weight, std=0.3)
            module.register_forward_hook(lambda _, __, out: projected.append(out))
    rows = backbone(images(64, 48))[0]
    for block, qkv in enumerate(projected):
        queries, keys, _ = qkv.unflatten(-1, (3, 3, 16)).permute(2, 0, 3, 1, 4)
        matrices = (queries @ keys.transpose(-1, -2) / 4).softmax(-1)  # (N, heads, L, L)
        torch.testing.assert_close(rows[:, block], matrices.mean(1)[:, 0], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(rows.sum(-1), torch.ones(2, 3))


def test_gradient_flows_through_the_rows_into_the_queries_of_every_block() -> None:
    backbone = tiny(attention='always')
    rows = backbone(images())[0]
    (rows * torch.randn_like(rows)).sum().backward()
    for block in (backbone.trans_1, backbone.conv_trans_2.trans_block, backbone.conv_trans_3.trans_block):
        queries, keys, _ = block.attn.qkv.weight.grad.chunk(3)
        assert queries.abs().max() > 0 and keys.abs().max() > 0


def test_no_attention_matrix_is_stored_for_the_backward_pass() -> None:
    saved: list[tuple[int, ...]] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(tuple(x.shape)) or x, lambda x: x):
        tiny(attention='always')(images(128, 128))
    assert (2, 3, 1, 65) in saved  # the softmax of a row
    assert not [shape for shape in saved if shape[-2:] == (65, 65)]


def test_runs_under_bfloat16_autocast_with_finite_gradients() -> None:
    backbone = tiny(attention='always')
    with torch.no_grad():
        exact = backbone(images())
    with torch.autocast('cpu', torch.bfloat16):
        outs = backbone(images())
    for ours, reference in zip(outs, exact, strict=True):
        assert (ours.float() - reference).abs().max() < 0.1 * reference.abs().max()
    sum(out.float().square().mean() for out in outs).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in backbone.parameters())


# ------------------------------------------------------------------------------------------ weights


def test_starts_from_the_distributions_of_the_authors() -> None:
    backbone = tiny(embed_dim=96, mlp_ratio=4)
    for name, module in backbone.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1), name
        elif isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1), name
            assert not module.bias.any(), name
        elif isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            assert (module.weight == 1).all() and not module.bias.any(), name
    assert backbone.cls_token.std().item() == pytest.approx(0.02, rel=0.3)


def test_has_the_parameters_of_mmpretrains_conformer_in_their_order() -> None:
    from mmpretrain.models import Conformer as Theirs

    with torch.device('meta'):
        ours = Conformer()
    theirs = Theirs('small')
    assert [v.shape for v in ours.state_dict().values()] == [v.shape for v in theirs.state_dict().values()]


@torch.no_grad()
def test_mmpretrain_weights_by_position_give_mmpretrains_features(tmp_path: Path) -> None:
    from mmpretrain.models import Conformer as Theirs

    arch = dict(embed_dims=48, depths=3, num_heads=3, channel_ratio=1)
    theirs = Theirs(arch, mlp_ratio=2)
    theirs.eval()
    for value in theirs.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand_like(value) * 0.1)
    torch.save(
        dict(state_dict={f'backbone.{k}': v for k, v in theirs.state_dict().items()}), tmp_path / 'theirs.pth'
    )
    ours = tiny(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'theirs.pth'), match='position'))
    ours.init_weights()
    conv_map, _ = ours.eval()(images())
    pooled, _ = theirs(images())[-1]
    torch.testing.assert_close(conv_map.mean((2, 3)), pooled, rtol=1e-5, atol=1e-5)


def test_a_file_with_the_authors_names_fills_the_backbone(tmp_path: Path) -> None:
    source = tiny()
    nn.init.normal_(source.trans_norm.weight)
    official = dict(source.state_dict())
    official |= {'trans_cls_head.weight': torch.zeros(1000, 48), 'conv_cls_head.bias': torch.zeros(1000)}
    torch.save({f'module.{key}': value for key, value in official.items()}, tmp_path / 'Conformer_tiny.pth')
    ours = tiny(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'Conformer_tiny.pth')))
    ours.init_weights()
    assert all(torch.equal(a, b) for a, b in zip(ours.state_dict().values(), source.state_dict().values()))


# ------------------------------------------------------------------------------------------ golden run


def rule_weights(names: Sequence[str], padded: NDArray, seed: int) -> dict[str, Tensor]:
    """The weight rule of the transformer fixtures: floating state entries by official name, drawn in sorted order."""
    random, out = np.random.RandomState(seed), {}
    for key, sizes in sorted(zip(names, padded.tolist())):
        shape = tuple(size for size in sizes if size > 0)
        draw = random.standard_normal(shape)
        if key.endswith('running_var'):
            value = 1 + 0.1 * np.abs(draw)
        elif key.endswith('running_mean') or key == 'cls_token':
            value = 0.1 * draw
        elif key.startswith('layers.'):
            value = np.full(shape, 0.5 if key.endswith('.thred') else 1.0)
        elif key.endswith('bias'):
            value = 0.02 * draw
        else:
            value = 1 + 0.1 * draw if len(shape) == 1 else draw / np.sqrt(np.prod(shape[1:]))
        out[key] = torch.from_numpy(value.astype(np.float32))
    return out


def relative_error(ours: Tensor, golden: NDArray) -> float:
    return float(np.abs(ours.numpy() - golden).max() / np.abs(golden).max())


@torch.no_grad()
def test_maps_of_the_authors_run(golden: Callable[[str], Mapping[str, NDArray]]) -> None:
    run = golden('scm_conformer_tiny')
    official = rule_weights(run['state_keys'].tolist(), run['state_shapes'], int(run['weight_seed']))
    norms = [float(np.linalg.norm(official[key].numpy().astype(np.float64))) for key in run['state_keys']]
    np.testing.assert_allclose(norms, run['state_l2'], rtol=1e-6)
    x = np.random.RandomState(int(run['input_seed'])).standard_normal(run['input_shape']).astype(np.float32)
    state = {rename_conformer_key(k): v for k, v in official.items() if not k.startswith('layers.')}
    backbone = tiny(attention='always').eval()
    weights = {k.removeprefix('backbone.'): v for k, v in state.items() if k.startswith('backbone.')}
    missing = backbone.load_state_dict(weights, strict=False)
    assert not missing.unexpected_keys and all('num_batches_tracked' in key for key in missing.missing_keys)

    rows, _, feature = backbone(torch.from_numpy(x))
    semantic = F.conv2d(feature, state['head.semantic.weight'], state['head.semantic.bias'], padding=1)
    seen = rows.sum(1)[:, 1:]  # (N, h * w)
    low, high = seen.amin(1, keepdim=True), seen.amax(1, keepdim=True)
    heat = ((seen - low) / (high - low)).unflatten(1, feature.shape[-2:])[:, None]
    assert relative_error(heat * semantic, run['cams']) < 1e-5


def test_rows_of_evaluation_cost_training_nothing() -> None:
    backbone = tiny(attention='test')
    assert len(backbone.train()(images(64, 64))) == 2 and len(backbone.eval()(images(64, 64))) == 3
