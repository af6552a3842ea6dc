from __future__ import annotations

import pytest
import torch

from mmwsol.models.data_preprocessors import HideAndSeek, LocDataPreprocessor, hide_tiles


@pytest.mark.parametrize(('height', 'width', 'grid'), [(9, 9, 3), (10, 7, 4), (5, 6, 8)])
def test_tiles_equal_a_loop_over_them_also_at_the_border(height: int, width: int, grid: int) -> None:
    images = torch.rand(3, 2, height, width) + 1
    hidden = torch.rand(3, -(-height // grid), -(-width // grid)) < 0.5
    expected = images.clone()
    for n, i, j in hidden.nonzero().tolist():
        expected[n, :, i * grid : (i + 1) * grid, j * grid : (j + 1) * grid] = 0
    assert torch.equal(hide_tiles(images, hidden, grid), expected)


@pytest.mark.parametrize('off', [dict(rate=0.0), dict(grid_size=0)])
def test_rate_or_grid_of_zero_is_the_identity(off: dict) -> None:
    images, samples = torch.randn(2, 3, 8, 8), [object(), object()]
    out = HideAndSeek(**{'grid_size': 4, 'rate': 0.5, **off})(images, samples)
    assert out[0] is images and out[1] is samples


def test_rate_of_one_hides_everything() -> None:
    assert not HideAndSeek(grid_size=3, rate=1.0)(torch.ones(2, 3, 8, 8), [])[0].any()


def test_share_of_hidden_tiles_is_the_rate_and_images_are_drawn_apart() -> None:
    torch.manual_seed(0)
    images, _ = HideAndSeek(grid_size=4, rate=0.3)(torch.ones(20, 1, 64, 64), [])
    assert (images == 0).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert not torch.equal(images[0], images[1])


def test_every_channel_of_a_tile_is_hidden() -> None:
    images, _ = HideAndSeek(grid_size=2, rate=0.5)(torch.ones(4, 3, 16, 16), [])
    assert torch.equal(images[:, 0], images[:, 1]) and torch.equal(images[:, 0], images[:, 2])


def test_preprocessor_hides_after_normalisation_and_only_in_training() -> None:
    preprocessor = LocDataPreprocessor(batch_augments=[dict(type='HideAndSeek', grid_size=4, rate=1.0)])
    data = {'inputs': torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 'data_samples': []}
    assert not preprocessor(data, training=True)['inputs'].any()
    assert (preprocessor(data)['inputs'] < -1).all()


@pytest.mark.parametrize('wrong', [dict(grid_size=-1), dict(rate=1.5)])
def test_values_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r'grid_size >= 0 \(pixels\) and rate in \[0, 1\]'):
        HideAndSeek(**wrong)
