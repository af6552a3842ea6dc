from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmwsol.models.layers import ADL


def published(x: np.ndarray, threshold: float, dropped: bool) -> np.ndarray:
    """Image after image, position after position."""
    out = np.empty_like(x)
    for n, image in enumerate(x):
        attention = image.mean(0)
        for i, j in np.ndindex(*attention.shape):
            drop = 0.0 if attention[i, j] >= threshold * attention.max() else 1.0
            gate = drop if dropped else 1 / (1 + math.exp(-attention[i, j]))
            out[n, :, i, j] = image[:, i, j] * gate
    return out


@pytest.mark.parametrize('dropped', [True, False])
@pytest.mark.parametrize('size', [(6, 6), (3, 7)])
def test_both_outcomes_equal_a_loop_over_positions(dropped: bool, size: tuple[int, int]) -> None:
    x = torch.rand(3, 4, *size, dtype=torch.float64)
    layer = ADL(drop_rate=1.0 if dropped else 0.0, threshold=0.8).train()
    np.testing.assert_allclose(layer(x).numpy(), published(x.numpy(), 0.8, dropped), rtol=1e-12)


def test_drop_rate_0_with_importance_1_is_the_identity() -> None:
    x = torch.rand(2, 3, 4, 4) + 50  # the sigmoid of 50 is 1 in float32
    assert torch.equal(ADL(drop_rate=0.0).train()(x), x)


def test_test_time_is_the_identity() -> None:
    x = torch.randn(2, 3, 4, 4)
    assert ADL().eval()(x) is x


def test_one_draw_decides_for_the_whole_batch_with_the_drop_rate() -> None:
    torch.manual_seed(0)
    x, layer, drops = torch.rand(4, 2, 5, 5) + 0.1, ADL(drop_rate=0.3).train(), []
    for _ in range(400):
        zeros = (layer(x) == 0).flatten(1).any(1)
        assert zeros.all() or not zeros.any()
        drops.append(bool(zeros[0]))
    assert np.mean(drops) == pytest.approx(0.3, abs=0.07)


def test_threshold_1_drops_the_peak_alone() -> None:
    x = torch.tensor([[[[1.0, 2.0], [4.0, 3.0]]]])
    assert ADL(drop_rate=1.0, threshold=1.0).train()(x).tolist() == [[[[1, 2], [0, 3]]]]


def test_gradient_flows_through_importance_and_attention() -> None:
    x = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ADL(drop_rate=0.0).train(), x)
    ADL(drop_rate=1.0, threshold=0.9).train()(x).sum().backward()
    assert set(x.grad.unique().tolist()) == {0, 1}


def test_half_precision_stays_half_and_is_gated_in_float32() -> None:
    x = torch.rand(2, 64, 4, 4).bfloat16()
    out = ADL(drop_rate=0.0).train()(x)
    expected = x.float() * x.float().mean(1, keepdim=True).sigmoid()
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), expected, rtol=2**-7, atol=0)


@pytest.mark.parametrize('wrong', [dict(drop_rate=-0.1), dict(threshold=1.1)])
def test_values_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r'drop_rate and threshold in \[0, 1\]'):
        ADL(**wrong)
