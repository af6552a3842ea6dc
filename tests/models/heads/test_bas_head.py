"""BAS against a plain re-statement of the published procedure: deep copies, one image after the other, float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmwsol.models.backbones import MobileNetV1
from mmwsol.models.heads import BASHead
from mmwsol.structures import LocDataSample

CLASSES = 7
TINY = dict(num_classes=CLASSES, in_channels=10, split_channels=8, split_stage=2, hidden_channels=6)
MOBILENET = dict(num_classes=CLASSES, in_channels=1024, split_channels=512, split_stage=4, hidden_channels=16)
EXTENSION = dict(loss_bas=dict(type='BackgroundActivationSuppressionLoss', relu=True, replaced_value=1.0))
CVPR = dict(
    final_relu=True,
    loss_bas=dict(
        type='BackgroundActivationSuppressionLoss', relu=False, replaced_value=0.0, replace_equal=True
    ),
)
Network = tuple[nn.Module, BASHead]


@pytest.fixture
def float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head's casts to float32 become casts to float64, so that both procedures can be compared exactly."""
    monkeypatch.setattr(torch.Tensor, 'float', torch.Tensor.double)


@pytest.fixture
def make_network(tiny_backbone: type) -> Callable[..., Network]:
    """``make_network('tiny', **head_args)`` in training mode, float64, with scores that do not vanish."""

    def build(kind: str = 'tiny', **kwargs) -> Network:
        torch.manual_seed(3)
        backbone = tiny_backbone() if kind == 'tiny' else MobileNetV1(out_indices=(3, 4))
        head = BASHead(**{**(TINY if kind == 'tiny' else MOBILENET), **kwargs})
        nn.init.normal_(head.generator.weight, std=0.1)
        nn.init.uniform_(head.classifier[4].bias, 0.2, 0.6)
        return backbone.double().train(), head.double().train()

    return build


def draw_images(size: tuple[int, int] = (32, 32), batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def our_losses(network: Network, images: Tensor, samples: list[LocDataSample]) -> dict[str, Tensor]:
    backbone, head = network
    return head.loss(backbone(images), samples, backbone=backbone, inputs=images)


def published_losses(
    first: nn.Module,
    second: nn.Module,
    head: BASHead,
    images: Tensor,
    labels: Sequence[int],
    extension: bool,
) -> dict[str, Tensor]:
    """The four terms, unweighted, as specs/bas.md 0 and 2.1 have them; ``second`` runs from the split on."""
    x = first(images)
    cams = head.classifier(second(x))
    logits = cams.mean((2, 3))
    generated = torch.sigmoid(F.conv2d(x, head.generator.weight, head.generator.bias, padding=1))
    maps = torch.stack([generated[b, label][None] for b, label in enumerate(labels)])
    erased = x.detach() * (1 - maps)
    twin = copy.deepcopy(second), copy.deepcopy(head.classifier)
    background = twin[1](twin[0](erased)).mean((2, 3))
    inside = (cams * F.avg_pool2d(maps, 2)).mean((2, 3))
    ratios = []
    for b, label in enumerate(labels):
        score, score_bg = logits[b, label].detach(), background[b, label]
        if extension:
            score, score_bg = torch.relu(score), torch.relu(score_bg)
        replaced = score_bg > score if extension else score_bg >= score
        constant = torch.tensor(1.0 if extension else 0.0, dtype=score.dtype)
        ratios.append(constant if replaced else score_bg / (score + 1e-8))
    targets = torch.tensor(labels)
    return dict(
        cls=F.cross_entropy(logits, targets),
        frg=F.cross_entropy(inside, targets),
        bas=torch.stack(ratios).mean(),
        area=torch.stack([m.mean() for m in maps]).mean(),
    )


def cut(backbone: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The two halves of a backbone, cut by hand."""
    if isinstance(backbone, MobileNetV1):
        return backbone.model[:12], backbone.model[12:]
    return nn.Sequential(backbone.stem, backbone.middle), backbone.last


@pytest.mark.parametrize('release', [EXTENSION, CVPR], ids=['extension', 'cvpr'])
@pytest.mark.parametrize('kind', ['tiny', 'mobilenet'])
def test_losses_and_all_gradients_equal_the_published_procedure(
    float64: None, make_network: Callable, samples_of: Callable, kind: str, release: dict
) -> None:
    area = dict(type='AreaLoss', loss_weight=1.9)
    network = make_network(kind, frg_weight=0.5, loss_area=area, **release)
    other = copy.deepcopy(network)
    images, labels = draw_images((32, 32), batch=4), [2, 5, 5, 0]

    losses = our_losses(network, images, samples_of(labels))
    terms = published_losses(*cut(other[0]), other[1], images, labels, extension=release is EXTENSION)
    weights = dict(cls=1.0, frg=0.5, bas=1.0, area=1.9)
    assert set(losses) == {f'loss_{name}' for name in terms}
    for name, term in terms.items():
        torch.testing.assert_close(losses[f'loss_{name}'], weights[name] * term, rtol=1e-12, atol=1e-14)

    sum(losses.values()).backward()
    sum(weights[name] * term for name, term in terms.items()).backward()
    for ours, theirs in zip(network, other):
        reference = dict(theirs.named_parameters())
        for name, parameter in ours.named_parameters():
            expected = reference[name].grad
            torch.testing.assert_close(
                parameter.grad, expected, rtol=1e-8, atol=1e-12 + 1e-10 * expected.abs().max()
            )
        for name, buffer in ours.named_buffers():
            torch.testing.assert_close(buffer, theirs.get_buffer(name), rtol=1e-12, atol=0)


def reached(loss: Tensor, network: Network) -> dict[str, bool]:
    """Which of generator, F1 and F2 with the classifier a loss gives a gradient that is not zero."""
    backbone, head = network
    parts = dict(
        generator=[head.generator.weight],
        first=[p for n, p in backbone.named_parameters() if n.startswith(('stem.0', 'middle.0.weight'))],
        second=[*backbone.last[0].parameters(), *head.classifier.parameters()],
    )
    out = {}
    for name, parameters in parts.items():
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        out[name] = any(gradient is not None and bool(gradient.any()) for gradient in gradients)
    return out


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('loss_cls', dict(generator=False, first=True, second=True)),
        ('loss_frg', dict(generator=True, first=True, second=True)),
        ('loss_bas', dict(generator=True, first=True, second=False)),
        ('loss_area', dict(generator=True, first=True, second=False)),
    ],
)
def test_gradient_flow_table(make_network: Callable, samples_of: Callable, name: str, expected: dict) -> None:
    network = make_network(**EXTENSION)
    candidates = (our_losses(network, draw_images(), samples_of([k, k])) for k in range(CLASSES))
    losses = next(
        losses for losses in candidates if 0 < losses['loss_bas'] < 1
    )  # not all ratios are replaced
    assert reached(losses[name], network) == expected


def test_only_generator_rows_of_the_labels_get_a_gradient(
    make_network: Callable, samples_of: Callable
) -> None:
    network = make_network()
    sum(our_losses(network, draw_images(), samples_of([6, 1])).values()).backward()
    assert network[1].generator.weight.grad.flatten(1).any(1).nonzero().flatten().tolist() == [1, 6]
    assert network[1].generator.bias.grad.nonzero().flatten().tolist() == [1, 6]


def test_running_statistics_are_updated_once_and_by_the_main_pass_only(
    make_network: Callable, samples_of: Callable
) -> None:
    network = make_network()
    alone, images = copy.deepcopy(network[0]), draw_images()
    alone(images)
    our_losses(network, images, samples_of([1, 2]))
    assert network[0].last[1].num_batches_tracked.item() == 1
    for name, buffer in network[0].named_buffers():
        assert torch.equal(buffer, alone.get_buffer(name)), name


def test_erased_pass_normalises_with_its_own_statistics(make_network: Callable) -> None:
    backbone, head = make_network()
    split = backbone(draw_images())[0]
    maps = torch.full_like(split[:, :1], 0.25)
    expected = copy.deepcopy(head.classifier)(copy.deepcopy(backbone.last)(0.75 * split)).mean((2, 3))
    torch.testing.assert_close(head.background_logits(split, maps, backbone).double(), expected)


def test_zero_weight_leaves_the_foreground_guidance_out(make_network: Callable, samples_of: Callable) -> None:
    losses = our_losses(make_network(frg_weight=0), draw_images(), samples_of([1, 2]))
    assert set(losses) == {'loss_cls', 'loss_bas', 'loss_area'}


def test_map_of_ones_leaves_foreground_logits_equal_to_logits_and_zeros_the_background_equal_to_the_image(
    make_network: Callable,
) -> None:
    backbone, head = make_network()
    backbone.eval()
    feats = backbone(draw_images())
    split, hidden = head.pre_logits(feats)
    logits = head(feats).float()
    torch.testing.assert_close(head.foreground_logits(hidden, torch.ones_like(split[:, :1])), logits)
    torch.testing.assert_close(
        head.background_logits(split, torch.zeros_like(split[:, :1]), backbone), logits
    )


@pytest.mark.parametrize('final_relu', [False, True])
def test_logits_are_means_of_the_class_maps_and_foreground_logits_their_weighted_means(
    make_network: Callable, final_relu: bool
) -> None:
    backbone, head = make_network(final_relu=final_relu)
    feats = backbone(draw_images())
    cams = head.classifier(feats[1])
    weights = torch.rand(len(cams), 1, *cams.shape[2:], dtype=cams.dtype)
    torch.testing.assert_close(head(feats), cams.mean((2, 3)))
    inside = head.foreground_logits(head.pre_logits(feats)[1], weights)
    torch.testing.assert_close(inside, (cams * weights).mean((2, 3)).float())


def test_cvpr_release_has_no_negative_logits(make_network: Callable) -> None:
    backbone, head = make_network(final_relu=True)
    nn.init.constant_(head.classifier[4].bias, -5.0)
    assert (head(backbone(draw_images())) == 0).all()


def test_maps_are_sigmoids_of_the_generator(make_network: Callable) -> None:
    backbone, head = make_network()
    feats = backbone(draw_images())
    expected = head.generator(feats[0]).sigmoid()[:, [4, 0]]
    maps = head.localize(head.pre_logits(feats), torch.tensor([[4, 0], [4, 0]]))
    torch.testing.assert_close(maps.double(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('size', [(96, 80), (33, 47)])
def test_any_input_size_trains(make_network: Callable, samples_of: Callable, size: tuple[int, int]) -> None:
    losses = our_losses(make_network(), draw_images(size), samples_of([1, 2]))
    assert all(loss.isfinite() for loss in losses.values())


def test_bfloat16_autocast_gives_finite_float32_losses_and_gradients(
    tiny_backbone: type, samples_of: Callable
) -> None:
    torch.manual_seed(0)
    backbone, head = tiny_backbone(), BASHead(**{**TINY, 'num_classes': 20})
    images = draw_images().float()
    with torch.autocast('cpu', torch.bfloat16):
        losses = our_losses((backbone, head), images, samples_of([1, 19]))
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in [*backbone.parameters(), *head.parameters()])
    exact = our_losses((backbone, head), images, samples_of([1, 19]))
    for name, loss in losses.items():
        torch.testing.assert_close(loss, exact[name], rtol=0.05, atol=0.05)


def test_backbone_with_one_output_is_refused_with_the_setting_to_change(
    tiny_backbone: type, samples_of: Callable
) -> None:
    backbone = tiny_backbone(out_indices=(-1,))
    with pytest.raises(ValueError, match=r'got 1; set backbone.out_indices=\(1, -1\)'):
        our_losses((backbone, BASHead(**TINY)), draw_images().float(), samples_of([1, 2]))


def test_missing_label_is_named(make_network: Callable) -> None:
    sample = LocDataSample(metainfo=dict(img_path='birds/7.jpg'))
    with pytest.raises(ValueError, match=r'birds/7\.jpg has no gt_label'):
        our_losses(make_network(), draw_images(), [sample, sample])
