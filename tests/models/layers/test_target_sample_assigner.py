"""The assigner against a plain restatement of the published procedure: image by image, running means."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from two_processes import run_in_two_processes

from mmwsol.models.layers import TargetSampleAssigner, kmeans
from mmwsol.models.layers.target_sample_assigner import kmeans_weakest_first
from mmwsol.models.losses import MMDLoss, UniversumLoss

from .test_kmeans import published_kmeans

CLASSES, CHANNELS = 4, 6


def build(**kwargs) -> TargetSampleAssigner:
    return TargetSampleAssigner(
        **{'num_classes': CLASSES, 'in_channels': CHANNELS, 'num_samples': 5, **kwargs}
    )


def draw_features(seed: int, batch: int = 5, size: int = 8, dtype: torch.dtype = torch.float64) -> Tensor:
    """Background near 0, and an object in two strengths."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(3, (batch, 1, size, size), generator=generator)
    noise = torch.randn(batch, CHANNELS, size, size, generator=generator, dtype=torch.float64)
    return (noise * 0.3 + 2.0 * kind).relu().to(dtype)


class PublishedAnchors:
    """State and update as specs 1.3 of DA-WSOL has them."""

    def __init__(self, update: str) -> None:
        self.update = update
        self.anchors, self.counts = np.zeros((CLASSES, CHANNELS)), np.zeros(CLASSES)
        self.universum, self.universum_count = np.zeros(CHANNELS), 0

    def see(self, feature: np.ndarray, label: int) -> np.ndarray:
        """Pixels (P, C) of one image to its clusters."""
        image = feature.mean(0)
        if self.counts[label] == 0:
            self.counts[label], self.anchors[label] = 1, image
        starts = np.stack([self.universum, image, self.anchors[label]])
        centres, groups = published_kmeans(feature, starts)
        self.counts[label] += 1
        r = self.counts[label]
        chosen = centres[1 if self.update == 'released' else 2]
        self.anchors[label] = chosen / r + self.anchors[label] * (r - 1) / r
        self.universum_count += 1
        r = self.universum_count
        self.universum = centres[0] / r + self.universum * (r - 1) / r
        return groups


@pytest.mark.parametrize('update', ['released', 'paper'])
@pytest.mark.parametrize('together', [False, True])
def test_groups_and_anchors_equal_the_published_procedure(update: str, together: bool) -> None:
    assigner, published = build(anchor_update=update, together=together), PublishedAnchors(update)
    for seed, labels in enumerate([[0, 1, 0, 0, 3], [3, 3, 1, 0, 0]]):
        features = draw_features(seed)
        groups = assigner(features, torch.tensor(labels)).groups.flatten(1)
        pixels = features.flatten(2).mT.numpy()
        expected = [published.see(pixel, label) for pixel, label in zip(pixels, labels)]
        np.testing.assert_array_equal(groups, expected)
    np.testing.assert_allclose(assigner.class_anchors, published.anchors, rtol=1e-9)
    np.testing.assert_allclose(assigner.universum_anchor, published.universum, rtol=1e-9)
    assert assigner.class_counts.tolist() == published.counts.tolist()
    assert assigner.universum_count == published.universum_count


def test_all_images_at_once_give_what_one_after_the_other_gives() -> None:
    one, all_at_once = build(together=False), build(together=True)
    for seed in range(4):
        features = draw_features(seed, batch=12, dtype=torch.float32)
        labels = torch.randint(CLASSES, (12,), generator=torch.Generator().manual_seed(seed))
        keys = torch.rand(2, 12, 64, generator=torch.Generator().manual_seed(seed))
        first, second = one(features, labels, keys), all_at_once(features, labels, keys)
        for ours, other in zip(first, second):
            torch.testing.assert_close(ours, other, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(one.class_anchors, all_at_once.class_anchors, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('together', [False, True])
def test_weakest_group_is_the_universum_where_it_is_asked_for(together: bool) -> None:
    features = draw_features(3) + 3.0  # every pixel is nearer to the mean than to zero
    weak = {}
    for universum in ('anchored', 'weakest'):
        groups = build(universum=universum, together=together)(features, torch.tensor([0, 1, 0, 2, 3])).groups
        strength = features.mean(1)
        weak[universum] = [bool(strength[groups == 0].mean() < strength[groups == k].mean()) for k in (1, 2)]
    assert weak == {'anchored': [False, False], 'weakest': [True, True]}


def test_weakest_cluster_and_the_first_change_places() -> None:
    pixels = torch.tensor(
        [[[9.0], [9.1], [5.0], [5.2], [1.0], [1.3]], [[0.0], [0.2], [4.0], [4.2], [8.0], [8.1]]]
    )
    starts = torch.tensor([[[9.0], [5.0], [1.0]], [[0.0], [4.0], [8.0]]])
    before, after = kmeans(pixels, starts), kmeans_weakest_first(pixels, starts)
    assert before.labels.tolist() == [[0, 0, 1, 1, 2, 2]] * 2
    assert after.labels.tolist() == [[2, 2, 1, 1, 0, 0], [0, 0, 1, 1, 2, 2]]
    torch.testing.assert_close(after.centres[0], before.centres[0].flip(0))
    torch.testing.assert_close(after.centres[1], before.centres[1])


def test_samples_are_different_pixels_of_their_group_and_the_mean_feature_comes_first() -> None:
    features = draw_features(0)
    samples = build()(features, torch.tensor([0, 1, 2, 3, 0]))
    assert samples.accepted.all()
    torch.testing.assert_close(samples.source[:, 0], features.mean((2, 3)))
    pixels = features.flatten(2).mT
    for drawn, group, count in ((samples.source[:, 1:], 1, 4), (samples.target, 2, 5)):
        same = (drawn[:, :, None] == pixels[:, None]).all(3)  # (N, n, P)
        assert same.sum((1, 2)).tolist() == [count] * 5
        assert (samples.groups.flatten(1)[same.any(1)] == group).all()


def test_keys_say_which_pixels_are_drawn_in_rising_order() -> None:
    features = draw_features(0)
    keys = torch.arange(64.0).flip(0).expand(2, 5, 64)
    samples = build()(features, torch.tensor([0, 1, 2, 3, 0]), keys)
    last = [(samples.groups[i].flatten() == 2).nonzero()[-5:, 0].flip(0) for i in range(5)]
    expected = torch.stack([features[i].flatten(1)[:, index].T for i, index in enumerate(last)])
    torch.testing.assert_close(samples.target, expected)


def test_random_samples_repeat_with_the_seed() -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(build()(draw_features(0), torch.tensor([0, 1, 2, 3, 0])).target)
    assert torch.equal(*drawn)


def test_image_with_too_few_pixels_of_a_kind_is_not_accepted_but_moves_the_anchors() -> None:
    assigner = build(num_samples=30)  # of 64 pixels: never 30 and 29 beside the universum
    samples = assigner(draw_features(0), torch.tensor([0, 1, 2, 3, 0]))
    assert not samples.accepted.any() and samples.source.shape == samples.target.shape == (5, 30, CHANNELS)
    assert assigner.class_counts.tolist() == [3, 2, 2, 2] and assigner.universum_count == 5


def test_map_of_fewer_pixels_than_samples_is_not_accepted() -> None:
    samples = build(num_samples=32)(draw_features(0, size=2), torch.tensor([0, 1, 2, 3, 0]))
    assert not samples.accepted.any() and samples.target.isfinite().all()


def test_gradients_reach_the_features_of_the_samples_only() -> None:
    features = draw_features(0).requires_grad_()
    samples = build()(features, torch.tensor([0, 1, 2, 3, 0]))
    (gradient,) = torch.autograd.grad(samples.target.sum(), features)
    assert (gradient.sum((2, 3)) == 5).all()
    assert (gradient.movedim(1, 3)[samples.groups != 2] == 0).all()


def test_anchors_stand_still_in_eval_mode() -> None:
    assigner = build().eval()
    assigner(draw_features(0), torch.tensor([0, 1, 2, 3, 0]))
    assert assigner.class_counts.sum() == 0 and assigner.universum_count == 0


def test_saved_and_resumed_anchors_go_on_as_if_never_interrupted() -> None:
    whole, interrupted = build(), build()
    labels = torch.tensor([0, 1, 2, 3, 0])
    for assigner in (whole, interrupted):
        assigner(draw_features(0), labels)
    resumed = build()
    resumed.load_state_dict(interrupted.state_dict())
    for assigner in (whole, resumed):
        assigner(draw_features(1), labels)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_half_precision_under_autocast_is_clustered_in_float32() -> None:
    features = draw_features(0, dtype=torch.float32).bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = build()(features, torch.tensor([0, 1, 2, 3, 0]))
    full = build()(features.float(), torch.tensor([0, 1, 2, 3, 0]))
    assert half.source.dtype == half.centres.dtype == torch.float32
    assert torch.equal(half.groups, full.groups)


def adaptation_losses(assigner: TargetSampleAssigner, features: Tensor, labels: Tensor) -> Tensor:
    samples = assigner(features, labels)
    discrepancy = MMDLoss()(samples.source, samples.target, samples.accepted)
    return discrepancy + UniversumLoss()(features, samples.groups == 0)


def test_on_a_gpu_the_host_reads_once_a_round_and_never_an_image(
    host_reads: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_of_rounds = []

    def counted(*args: Tensor) -> object:
        with host_reads() as reads:
            clusters = kmeans(*args)
        reads_of_rounds.append(reads.count)
        return clusters

    monkeypatch.setattr(sys.modules[kmeans.__module__], 'waits_for_reads', lambda tensor: True)
    monkeypatch.setattr(sys.modules[TargetSampleAssigner.__module__], 'kmeans', counted)
    assigner = build(together=True)
    for seed in range(3):
        reads_of_rounds.clear()
        features = draw_features(seed, batch=32).requires_grad_()
        labels = torch.randint(CLASSES, (32,), generator=torch.Generator().manual_seed(seed))
        with host_reads() as reads:
            adaptation_losses(assigner, features, labels).backward()
        assert reads.count == sum(reads_of_rounds) + len(reads_of_rounds)  # and one comparison a round
        assert len(reads_of_rounds) <= 8 and reads.count < 32


@pytest.mark.parametrize('together', [False, True])
@pytest.mark.parametrize('value', [torch.inf, torch.nan])
def test_an_overflow_leaves_no_trace_in_the_anchors(together: bool, value: float) -> None:
    assigner, untouched = build(together=together), build(together=together)
    labels = torch.tensor([0, 1, 1, 2, 3])
    for seed in (0, 1):  # before anything was seen, and after
        features = draw_features(seed)
        features[2, 3, 4, 5] = value
        assigner(features, labels)
        for name, buffer in untouched.named_buffers():
            assert torch.equal(assigner.get_buffer(name), buffer), name
        for one in (assigner, untouched):
            one(draw_features(seed), labels)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_gpu_waits_for_the_host_less_than_once_an_image() -> None:
    assigner = build(together=None).cuda()
    features = draw_features(0, batch=32).cuda().requires_grad_()
    labels = torch.arange(32, device='cuda') % CLASSES
    adaptation_losses(assigner, features, labels).backward()  # what is set up at the first call
    torch.cuda.set_sync_debug_mode('warn')
    try:
        with warnings.catch_warnings(record=True) as waits:
            warnings.simplefilter('always')
            adaptation_losses(assigner, features, labels).backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
    waits = [str(wait.message) for wait in waits if 'synchroniz' in str(wait.message)]
    assert 0 < len(waits) < 32


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(anchor_update='mean'), "'released' or 'paper', got 'mean'"),
        (dict(num_samples=1), 'at least 2, got 1'),
        (dict(universum='strongest'), "'anchored' or 'weakest', got 'strongest'"),
    ],
)
def test_wrong_options_are_refused(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(**kwargs)


def run_rank(rank: int, out: str) -> None:
    assigner = build()
    assigner(draw_features(rank, batch=2), torch.tensor([[0, 1], [0, 2]][rank]))
    torch.save(assigner.state_dict(), f'{out}/{rank}')


@pytest.mark.slow
def test_all_processes_have_seen_the_images_of_all(tmp_path: Path) -> None:
    run_in_two_processes(run_rank, tmp_path, str(tmp_path))
    first, second = (torch.load(f'{tmp_path}/{rank}', weights_only=True) for rank in (0, 1))
    assert first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)
    assert first['class_counts'].tolist() == [3, 2, 2, 0] and first['universum_count'] == 4
    alone = [build(), build()]
    for rank, assigner in enumerate(alone):
        assigner(draw_features(rank, batch=2), torch.tensor([[0, 1], [0, 2]][rank]))
    mean = (alone[0].universum_anchor + alone[1].universum_anchor) / 2
    torch.testing.assert_close(first['universum_anchor'], mean)
