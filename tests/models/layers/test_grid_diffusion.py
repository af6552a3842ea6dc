"""SCM's diffusion against the published Newton-Schulz iteration, written out with dense matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmwsol.models.layers import GridOperator, diffuse

ALPHA = 0.002


def affinities(height: int = 6, width: int = 5, images: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Right and lower neighbours, weight, map: float64, with gradients."""
    torch.manual_seed(3)
    right = torch.rand(images, height, width - 1, dtype=torch.double) * 1.6 - 0.6
    down = torch.rand(images, height - 1, width, dtype=torch.double) * 1.6 - 0.6
    weight = torch.tensor(1.07, dtype=torch.double)
    x = torch.rand(images, height, width, dtype=torch.double)
    return tuple(t.requires_grad_() for t in (right, down, weight, x))


def published_matrix(right: Tensor, down: Tensor, weight: Tensor) -> Tensor:
    """(D - A) * (weight E - 1) element by element, where E is 1 on the diagonal."""
    images, height, width = right.shape[0], right.shape[1], down.shape[2]
    size = height * width
    affinity = torch.eye(size, dtype=right.dtype).repeat(images, 1, 1)
    graph = torch.zeros(size, size, dtype=right.dtype)
    every = torch.arange(images)
    edges = [(i, j, i * width + j + 1, right) for i in range(height) for j in range(width - 1)]
    edges += [(i, j, (i + 1) * width + j, down) for i in range(height - 1) for j in range(width)]
    for i, j, q, values in edges:
        p = i * width + j
        graph[p, q] = graph[q, p] = -1
        for a, b in ((p, q), (q, p)):
            affinity = affinity.index_put((every, torch.tensor(a), torch.tensor(b)), values[:, i, j])
    graph -= torch.diag(graph.sum(1))
    return graph * (weight * affinity - 1)


def published_diffusion(matrix: Tensor, x: Tensor, steps: int) -> Tensor:
    inverse = (ALPHA * matrix.mT).detach()
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype)
    for _ in range(steps):
        inverse = inverse @ (2 * identity - matrix @ inverse)
    return (inverse.mT @ x.flatten(1)[..., None])[..., 0].view_as(x)


def test_operator_is_the_published_matrix() -> None:
    right, down, weight, x = affinities()
    operator = GridOperator.from_affinities(right, down, weight)
    matrix = published_matrix(right, down, weight)
    torch.testing.assert_close(operator.dense(), matrix)
    torch.testing.assert_close(operator(x).flatten(1), (matrix @ x.flatten(1)[..., None])[..., 0])


@pytest.mark.parametrize(
    ('method', 'steps'),
    [('horner', 4), ('horner', 5), ('eigh', 4), ('eigh', 16), ('newton', 4), ('newton', 16)],
)
def test_every_method_equals_the_published_iteration_with_its_gradients(method: str, steps: int) -> None:
    right, down, weight, x = affinities()
    probe = torch.randn_like(x)
    ours = diffuse(GridOperator.from_affinities(right, down, weight), x, steps, ALPHA, method)
    theirs = published_diffusion(published_matrix(right, down, weight), x, steps)
    torch.testing.assert_close(ours, theirs)
    inputs = (right, down, weight, x)
    golden = torch.autograd.grad((theirs * probe).sum(), inputs)
    for mine, other in zip(torch.autograd.grad((ours * probe).sum(), inputs), golden):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-9)


def test_many_steps_are_not_an_inverse() -> None:
    right, down, weight, x = (t.detach() for t in affinities())
    operator = GridOperator.from_affinities(right, down, weight)
    solved = torch.linalg.solve(operator.dense(), x.flatten(1)[..., None])[..., 0]
    assert (diffuse(operator, x, 16, ALPHA).flatten(1) - solved).abs().max() > 0.1


def test_equal_eigenvalues_have_a_finite_gradient() -> None:
    shape = dict(dtype=torch.double, requires_grad=True)
    right, down, x = torch.ones(1, 4, 3, **shape), torch.ones(1, 3, 4, **shape), torch.ones(1, 4, 4, **shape)
    weight = torch.tensor(1.0, **shape)  # the operator is zero
    diffuse(GridOperator.from_affinities(right, down, weight), x, 16, ALPHA, 'eigh').sum().backward()
    assert all(t.grad.isfinite().all() for t in (right, down, x, weight))


def test_float32_eigenbasis_is_as_exact_as_the_specification_asks() -> None:
    right, down, weight, x = (t.detach() for t in affinities(14, 14))
    exact = diffuse(GridOperator.from_affinities(right, down, weight), x, 16, ALPHA, 'eigh')
    single = diffuse(
        GridOperator.from_affinities(right.float(), down.float(), weight.float()), x.float(), 16, ALPHA
    )
    assert (single - exact).abs().max() / exact.abs().max() < 2e-5


def test_unknown_method_and_endless_horner_are_refused() -> None:
    right, down, weight, x = affinities()
    operator = GridOperator.from_affinities(right, down, weight)
    with pytest.raises(ValueError, match=r"method must be one of .* got 'solve'"):
        diffuse(operator, x, 4, ALPHA, 'solve')
    with pytest.raises(ValueError, match=r"2\^16 - 1 products; use 'eigh' or 'newton'"):
        diffuse(operator, x, 16, ALPHA, 'horner')
