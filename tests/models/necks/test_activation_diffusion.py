from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmwsol.models.layers import minmax
from mmwsol.models.necks import ActivationDiffusion
from mmwsol.models.necks.activation_diffusion import neighbour_cosines, tanhshrink


def draw(dtype: torch.dtype = torch.double) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(2, 1, 7, 6, dtype=dtype), torch.randn(2, 4, 7, 6, dtype=dtype) + 0.5


def published_blocks(attention: Tensor, semantic: Tensor, neck: ActivationDiffusion) -> Tensor:
    """The blocks as published: affinity of all pairs in every block, dense Newton-Schulz, S itself updated."""
    height, width = semantic.shape[2:]
    size = height * width
    row, column = torch.arange(size) // width, torch.arange(size) % width
    near = (row[:, None] - row).abs() + (column[:, None] - column).abs() == 1
    laplacian = torch.diag(near.sum(1)) - near.long()
    flow, maps = minmax(attention[:, 0]).flatten(1), semantic.flatten(2)
    for index, steps in enumerate(neck.steps):
        unit = maps / maps.norm(dim=1, keepdim=True)
        matrix = laplacian * (neck.affinity_weights[index].double() * (unit.mT @ unit) - 1)
        inverse = (neck.alpha * matrix.mT).detach()
        for _ in range(steps):
            inverse = inverse @ (2 * torch.eye(size, dtype=maps.dtype) - matrix @ inverse)
        diffused = (inverse.mT @ flow[..., None])[..., 0]
        scaled = diffused / (neck.thresholds[index].double() * flow.max(1, keepdim=True).values)
        shrunk = scaled - scaled.tanh()
        low = shrunk.min(1, keepdim=True).values
        mask = (shrunk - low) / (shrunk - low).max(1, keepdim=True).values
        maps, flow = maps * (1 + mask[:, None]), flow + mask
    return maps.view_as(semantic)


@pytest.mark.parametrize('steps', [(16, 4, 4, 4), (4, 4, 4, 4)])
def test_weights_give_the_published_semantic_map_with_its_gradients(steps: tuple[int, ...]) -> None:
    attention, semantic = (t.requires_grad_() for t in draw())
    neck = ActivationDiffusion(steps)
    with torch.no_grad():
        neck.affinity_weights += torch.tensor([0.03, -0.02, 0.05, 0.01])
    probe = torch.randn_like(semantic)
    ours, theirs = semantic * neck(attention, semantic), published_blocks(attention, semantic, neck)
    torch.testing.assert_close(ours, theirs)
    inputs = (attention, semantic, neck.affinity_weights)
    golden = torch.autograd.grad((theirs * probe).sum(), inputs)
    for mine, other in zip(torch.autograd.grad((ours * probe).sum(), inputs), golden):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_weights_lie_between_one_and_two_to_the_number_of_blocks() -> None:
    weights = ActivationDiffusion()(*draw())
    assert weights.shape == (2, 1, 7, 6) and weights.min() >= 1 and weights.max() <= 16


def test_parallel_patches_give_finite_weights_and_gradients_where_the_published_code_gives_nan() -> None:
    attention, _ = draw(torch.float32)
    semantic = (torch.ones(2, 4, 7, 6) + 1e-4 * torch.randn(2, 4, 7, 6)).requires_grad_()
    neck = ActivationDiffusion((4, 4))
    weights = neck(attention, semantic)
    (weights * semantic).sum().backward()
    assert weights.isfinite().all() and semantic.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in neck.parameters())


def test_constant_attention_changes_nothing() -> None:
    _, semantic = draw()
    assert (ActivationDiffusion()(torch.ones(2, 1, 7, 6, dtype=torch.double), semantic) == 1).all()


def test_stays_in_float32_under_autocast() -> None:
    attention, semantic = draw(torch.float32)
    neck = ActivationDiffusion()
    with torch.autocast('cpu', torch.bfloat16):
        mixed = neck(attention, semantic)
    assert torch.equal(mixed, neck(attention, semantic))


def test_cosines_are_those_of_neighbours() -> None:
    _, semantic = draw()
    right, down = neighbour_cosines(semantic)
    cosine = torch.nn.functional.cosine_similarity
    torch.testing.assert_close(right[:, 3, 2], cosine(semantic[..., 3, 2], semantic[..., 3, 3]))
    torch.testing.assert_close(down[:, 4, 1], cosine(semantic[..., 4, 1], semantic[..., 5, 1]))


def test_shrinkage_keeps_its_digits_near_zero() -> None:
    x = torch.logspace(-6, 1, 200, dtype=torch.double)
    x = torch.cat([x, -x])
    exact = torch.where(x.abs() < 0.3, sum(c * x ** (2 * i + 3) for i, c in enumerate(TAYLOR)), x - x.tanh())
    torch.testing.assert_close(tanhshrink(x), exact, rtol=1e-10, atol=0)
    torch.testing.assert_close(tanhshrink(x.float()).double(), exact, rtol=2e-4, atol=0)


# x - tanh x = x^3/3 - 2 x^5/15 + ..., from the Bernoulli numbers
TAYLOR = [1 / 3, -2 / 15, 17 / 315, -62 / 2835, 1382 / 155925, -21844 / 6081075, 929569 / 638512875]
TAYLOR += [-6404582 / 10854718875, 443861162 / 1856156927625, -18888466084 / 194896477400625]
