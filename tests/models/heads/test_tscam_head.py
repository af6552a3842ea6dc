from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import Tensor

from mmwsol.models.backbones.pretrained_weights import read_state_dict
from mmwsol.models.heads import TSCAMHead
from mmwsol.models.layers import minmax
from mmwsol.registry import MODELS

CLASSES = 6
SCM = dict(type='ActivationDiffusion', steps=(4, 4))


def build(**kwargs) -> TSCAMHead:
    torch.manual_seed(0)
    return TSCAMHead(**{'num_classes': CLASSES, 'in_channels': 8, 'topk': 2, **kwargs}).eval()


@pytest.fixture
def feats() -> tuple[Tensor, Tensor]:
    """Attention of three blocks to a class, a register and 4x5 patch tokens; patch map."""
    torch.manual_seed(1)
    return torch.rand(2, 3, 22).softmax(-1), torch.randn(2, 8, 4, 5)


def test_logits_are_the_mean_of_the_semantic_maps(feats: tuple[Tensor, Tensor]) -> None:
    head = build()
    torch.testing.assert_close(head(feats), head.semantic(feats[1]).mean((2, 3)))


def test_maps_are_semantic_maps_times_the_attention_summed_over_blocks(feats: tuple[Tensor, Tensor]) -> None:
    head = build()
    labels = torch.tensor([[3, 0], [5, 5]])
    maps = head.localize(head.pre_logits(feats), labels)
    attention = feats[0][..., 2:].sum(1).view(2, 1, 4, 5)
    expected = (attention * head.semantic(feats[1]))[torch.arange(2)[:, None], labels]
    torch.testing.assert_close(maps, expected)


def test_last_blocks_and_minmax_are_options(feats: tuple[Tensor, Tensor]) -> None:
    head = build(last_n=1, coupling='minmax')
    pre_logits = head.pre_logits(feats)
    attention = feats[0][:, 2, 2:].view(2, 4, 5)
    torch.testing.assert_close(head.coupled_attention(pre_logits)[:, 0], minmax(attention))


def test_uncoupled_maps_are_the_semantic_maps_and_need_no_attention(feats: tuple[Tensor, Tensor]) -> None:
    head = build(coupling='none')
    labels = torch.tensor([[3, 0], [5, 5]])
    expected = head.semantic(feats[1])[torch.arange(2)[:, None], labels]
    torch.testing.assert_close(head.localize(head.pre_logits(feats[1:]), labels), expected)


def test_training_needs_no_attention_but_localization_says_what_to_set(
    feats: tuple[Tensor, Tensor], samples_of: Callable
) -> None:
    head = build()
    assert head.train().loss(feats[1:], samples_of([1, 2]))['loss_cls'].isfinite()
    with pytest.raises(ValueError, match=r'set backbone\.attention="test"'):
        head.eval().predict(feats[1:], samples_of([1, 2]))
    with pytest.raises(ValueError, match=r'set backbone\.attention="always"'):
        build(diffusion=SCM).train()(feats[1:])


def test_diffusion_changes_training_and_leaves_the_test_alone(feats: tuple[Tensor, Tensor]) -> None:
    plain, refined = build(coupling='minmax'), build(coupling='minmax', diffusion=SCM)
    refined.semantic.load_state_dict(plain.semantic.state_dict())
    labels = torch.tensor([[1], [2]])
    torch.testing.assert_close(refined(feats), plain(feats))
    ours, other = (h.localize(h.pre_logits(feats), labels) for h in (refined, plain))
    torch.testing.assert_close(ours, other)
    assert not torch.allclose(refined.train()(feats), plain(feats))


def test_diffused_logits_are_the_weighted_mean(feats: tuple[Tensor, Tensor]) -> None:
    head = build(diffusion=SCM, diffuse_at_test=True)
    semantic = head.semantic(feats[1])
    weights = head.diffusion(head.pre_logits(feats).attention, semantic)
    torch.testing.assert_close(head(feats), (semantic * weights).mean((2, 3)))


def test_convolutional_branch_adds_its_logits_and_leaves_the_maps(feats: tuple[Tensor, Tensor]) -> None:
    head, conv = build(conv_channels=7), torch.randn(2, 7, 2, 3)
    branch = head.conv_classifier(conv.mean((2, 3)))
    three = (feats[0], conv, feats[1])
    torch.testing.assert_close(head(three), head.semantic(feats[1]).mean((2, 3)) + branch)
    without = build()
    without.semantic.load_state_dict(head.semantic.state_dict())
    labels = torch.tensor([[1], [2]])
    ours = head.localize(head.pre_logits(three), labels)
    torch.testing.assert_close(ours, without.localize(without.pre_logits(feats), labels))


def test_prediction_keeps_the_best_classes_and_the_true_one(
    feats: tuple[Tensor, Tensor], samples_of: Callable
) -> None:
    samples = build().predict(feats, samples_of([4, 1]))
    assert samples[0].map_labels.tolist()[-1] == 4 and samples[0].pred_maps.shape == (3, 4, 5)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [(dict(coupling='relu'), "'minmax' or 'none', got 'relu'"), (dict(last_n=0), 'got 0')],
)
def test_wrong_arguments_are_named(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**kwargs)


def test_ilsvrc_starts_from_the_classifier_bias_of_deit(
    shared_dir: Path, monkeypatch: pytest.MonkeyPatch, repo_dir: Path
) -> None:
    monkeypatch.setenv('MMWSOL_WEIGHTS_ROOT', str(shared_dir / 'weights'))
    cfg = Config.fromfile(repo_dir / 'configs/tscam/tscam_deittiny_ilsvrc.py').model.head
    cfg.init_cfg.checkpoint = 'deit_tiny_patch16_224.pth'
    head = MODELS.build(cfg)
    drawn = head.semantic.weight.clone()
    head.init_weights()
    assert torch.equal(head.semantic.bias, read_state_dict('deit_tiny_patch16_224.pth')['head.bias'])
    assert torch.equal(head.semantic.weight, drawn)
