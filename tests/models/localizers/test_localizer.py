from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from two_processes import run_in_two_processes

from mmwsol.models.localizers import Localizer
from mmwsol.structures import LocDataSample, labelled_samples


@pytest.fixture(params=['cam', 'bas'])
def localizer(request: pytest.FixtureRequest, tiny_backbone: type) -> Localizer:
    torch.manual_seed(0)
    cam = dict(type='CAMHead', num_classes=4, in_channels=10, topk=2)
    bas = dict(type='BASHead', split_channels=8, split_stage=2, hidden_channels=6)
    head = cam if request.param == 'cam' else {**cam, **bas}
    return Localizer(backbone=dict(type=tiny_backbone), head=head).eval()


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_loss_mode_gives_the_heads_losses(localizer: Localizer, samples_of: Callable) -> None:
    losses = localizer(images(2, 3, 32, 32), samples_of([1, 3]), mode='loss')
    assert 'loss_cls' in losses and all(loss.ndim == 0 for loss in losses.values())


def test_tensor_mode_gives_logits(localizer: Localizer) -> None:
    assert localizer(images(2, 3, 32, 32)).shape == (2, 4)


def test_predict_mode_fills_data_samples(localizer: Localizer, samples_of: Callable) -> None:
    samples = samples_of([1, 3])
    inputs = images(2, 3, 32, 32)
    assert localizer(inputs, samples, mode='predict') is samples
    torch.testing.assert_close(torch.stack([s.pred_scores for s in samples]), localizer(inputs).softmax(1))
    assert [sample.map_labels[-1].item() for sample in samples] == [1, 3]


def test_predict_mode_makes_its_own_data_samples(localizer: Localizer) -> None:
    samples = localizer(images(2, 3, 32, 32), mode='predict')
    assert len(samples) == 2 and samples[0].pred_maps.shape[0] == 2


def test_unknown_mode_is_refused(localizer: Localizer) -> None:
    with pytest.raises(ValueError, match="got 'feature'"):
        localizer(images(1, 3, 32, 32), mode='feature')


@torch.no_grad()
def test_ten_views_average_the_scores_and_localize_the_centre(
    localizer: Localizer, samples_of: Callable
) -> None:
    views = images(2, 10, 3, 32, 32)
    ten = localizer(views, samples_of([1, 3]), mode='predict')
    centre = localizer(views[:, 4], samples_of([1, 3]), mode='predict')
    for i in range(2):
        scores = torch.stack([localizer(views[i, v][None]).softmax(1)[0] for v in range(10)]).mean(0)
        torch.testing.assert_close(ten[i].pred_scores, scores)
        assert ten[i].pred_label.item() == scores.argmax().item()
        torch.testing.assert_close(ten[i].pred_maps, centre[i].pred_maps)
        assert torch.equal(ten[i].map_labels, centre[i].map_labels)


@torch.no_grad()
def test_fewer_views_than_five_localize_the_last(localizer: Localizer) -> None:
    views = images(1, 2, 3, 32, 32)
    (two,) = localizer(views, mode='predict')
    (last,) = localizer(views[:, 1], mode='predict')
    torch.testing.assert_close(two.pred_maps, last.pred_maps)


def test_neck_stands_between_backbone_and_head(tiny_backbone: type) -> None:
    class Double(nn.Module):
        def forward(self, feats: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return tuple(2 * feat for feat in feats)

    head = dict(type='CAMHead', num_classes=4, in_channels=10)
    model = Localizer(dict(type=tiny_backbone), head, neck=dict(type=Double)).eval()
    inputs = images(1, 3, 32, 32)
    assert torch.equal(model.extract_feat(inputs)[-1], 2 * model.backbone(inputs)[-1])


def test_backbone_with_a_bare_tensor_works(samples_of: Callable) -> None:
    class Plain(nn.Conv2d):
        def __init__(self) -> None:
            super().__init__(3, 5, 3)

    model = Localizer(dict(type=Plain), dict(type='CAMHead', num_classes=2, in_channels=5))
    assert model(images(1, 3, 8, 8), samples_of([1]), mode='loss')['loss_cls'].isfinite()


@torch.no_grad()
def test_mmpretrain_backbone_works_by_its_scoped_name(samples_of: Callable) -> None:
    backbone = dict(type='mmpretrain.ResNet', depth=18, out_indices=(3,))
    model = Localizer(backbone, dict(type='CAMHead', num_classes=3, in_channels=512)).eval()
    (sample,) = model(images(1, 3, 64, 64), samples_of([2]), mode='predict')
    assert sample.pred_maps.shape == (4, 2, 2)
    assert sample.map_labels[-1].item() == 2


def test_train_step_accepts_what_the_data_loader_gives(localizer: Localizer, samples_of: Callable) -> None:
    from mmengine.optim import OptimWrapper

    wrapper = OptimWrapper(torch.optim.SGD(localizer.parameters(), lr=0.1))
    before = localizer.head.state_dict()
    before = {key: value.clone() for key, value in before.items()}
    inputs = list(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8))
    logs = localizer.train().train_step(dict(inputs=inputs, data_samples=samples_of([0, 1])), wrapper)
    total = sum(value for key, value in logs.items() if key.startswith('loss_'))
    torch.testing.assert_close(logs['loss'], total)
    assert any(not torch.equal(value, before[key]) for key, value in localizer.head.state_dict().items())


def test_data_samples_of_the_test_step_have_the_input_metainfo(localizer: Localizer) -> None:
    sample = LocDataSample(metainfo=dict(sample_idx=7))
    inputs = [torch.zeros(3, 32, 32, dtype=torch.uint8)]
    (out,) = localizer.test_step(dict(inputs=inputs, data_samples=[sample]))
    assert out.sample_idx == 7 and 'pred_maps' in out


def train_frozen_localizers(rank: int) -> None:
    vit = dict(name='deit_tiny_patch16_224', embed_dim=24, depth=3, num_heads=3, img_size=64, frozen=True)
    tscam = dict(type='TSCAMHead', num_classes=3, in_channels=24)
    sat = dict(tscam, type='SATHead', loss_area=dict(type='BatchAreaLoss', target=0.25, reduction='global'))
    for model, trained in (
        (Localizer(dict(vit, type='ViTBackbone', attention='test'), tscam), ('head.',)),
        (Localizer(dict(vit, type='SpatialTokenViT'), sat), ('head.', 'backbone.spatial_')),
    ):
        wrapped = DistributedDataParallel(model).train()
        for _ in range(3):  # a trained parameter without a gradient is noticed in the second step
            sum(wrapped(images(2, 3, 64, 64), labelled_samples([rank, 2]), mode='loss').values()).backward()
        assert all((p.grad is not None) == name.startswith(trained) for name, p in model.named_parameters())


@pytest.mark.slow
def test_heads_on_frozen_transformers_train_in_distributed_training(tmp_path: Path) -> None:
    run_in_two_processes(train_frozen_localizers, tmp_path)
