from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmwsol.models.heads import CAMHead, SPGHead
from mmwsol.models.losses import SeedLoss

CLASSES = 4
SIZE = (24, 32)
THRESHOLDS = dict(loss_b2=(0.7, 0.01), loss_b1=(0.5, 0.05), loss_c=(0.7, 0.1))  # the published defaults


@pytest.fixture
def feats() -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    shapes = [(3, 6, 6, 8), (3, 7, 3, 4), (3, 5, 3, 4)]
    return [torch.randn(*shape, generator=draw).relu() for shape in shapes]


def build(**kwargs) -> SPGHead:
    torch.manual_seed(1)
    return SPGHead(CLASSES, 5, early_channels=(6, 7), branch_channels=8, **kwargs)


def losses_of(head: SPGHead, feats: list[Tensor], samples: list) -> dict[str, Tensor]:
    return head.loss(feats, samples, inputs=torch.empty(3, 3, *SIZE))


def up(maps: Tensor) -> Tensor:
    return F.interpolate(maps, SIZE, mode='bilinear', align_corners=False)


def test_losses_equal_the_published_procedure_with_its_defaults(
    feats: list[Tensor], samples_of: Callable
) -> None:
    head, labels = build(hidden_channels=(9,)), torch.tensor([2, 0, 3])
    hidden = head.hidden(feats[2])
    maps = head.fc(hidden)
    b1 = up(head.shared_b(head.branch_b1(feats[0])))
    b2 = up(head.shared_b(head.branch_b2(feats[1])))
    c = up(head.branch_c(hidden))
    attention = up(maps)[torch.arange(3), labels][:, None]
    low, high = attention.amin((2, 3), keepdim=True), attention.amax((2, 3), keepdim=True)
    guides = dict(
        loss_b2=(b2, (attention - low) / (high - low)),
        loss_b1=(b1, b2.sigmoid()),
        loss_c=(c, (b1.sigmoid() + b2.sigmoid()) / 2),
    )
    expected = {name: SeedLoss(*THRESHOLDS[name])(*pair) for name, pair in guides.items()}
    expected['loss_cls'] = F.cross_entropy(maps.mean((2, 3)), labels)
    ours = losses_of(head, feats, samples_of(labels.tolist()))
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(ours[name], value)


def test_branches_do_not_change_what_cam_predicts(feats: list[Tensor], samples_of: Callable) -> None:
    head = build()
    cam = CAMHead(CLASSES, 5, form='conv')
    cam.fc.load_state_dict(head.fc.state_dict())
    ours, theirs = (part.predict(feats, samples_of([0, 1, 2])) for part in (head, cam))
    for a, b in zip(ours, theirs):
        assert torch.equal(a.pred_maps, b.pred_maps) and torch.equal(a.pred_scores, b.pred_scores)


def test_branches_are_not_run_at_test_time(
    feats: list[Tensor], samples_of: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = build()
    monkeypatch.delattr(SPGHead, 'mask_logits')
    head.predict(feats[-1:], samples_of([0, 1, 2]))


def test_no_gradient_passes_from_a_mask_loss_to_its_guide(feats: list[Tensor], samples_of: Callable) -> None:
    reached = {
        'loss_b2': {'branch_b2', 'shared_b'},
        'loss_b1': {'branch_b1', 'shared_b'},
        'loss_c': {'branch_c'},
        'loss_cls': {'fc'},
    }
    for name, parts in reached.items():
        head = build()
        losses_of(head, feats, samples_of([0, 1, 2]))[name].backward()
        trained = {
            key.split('.')[0] for key, p in head.named_parameters() if p.grad is not None and p.grad.any()
        }
        assert trained == parts, name


def test_bf16_autocast_trains_every_parameter(feats: list[Tensor], samples_of: Callable) -> None:
    head = build(hidden_channels=(9,))
    with torch.autocast('cpu', torch.bfloat16):
        losses = losses_of(head, feats, samples_of([0, 1, 2]))
    sum(losses.values()).backward()
    assert all(loss.dtype == torch.float32 for loss in losses.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())


def test_one_backbone_output_is_refused_with_the_option_to_set(
    feats: list[Tensor], samples_of: Callable
) -> None:
    with pytest.raises(ValueError, match=r'at least two backbone outputs.*backbone\.out_indices'):
        losses_of(build(), feats[-1:], samples_of([0, 1, 2]))
