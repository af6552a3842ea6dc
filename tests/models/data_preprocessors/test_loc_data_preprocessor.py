from __future__ import annotations

import pytest
import torch

from mmwsol.models.data_preprocessors import LocDataPreprocessor
from mmwsol.models.data_preprocessors.loc_data_preprocessor import IMAGENET_MEAN, IMAGENET_STD


def test_images_are_stacked_and_normalised_channel_by_channel() -> None:
    preprocessor = LocDataPreprocessor(mean=(10.0, 20.0, 30.0), std=(1.0, 2.0, 4.0))
    image = torch.tensor([12, 24, 38], dtype=torch.uint8).view(3, 1, 1).expand(3, 2, 5)
    out = preprocessor({'inputs': [image, image], 'data_samples': ['a', 'b']})
    assert out['inputs'].shape == (2, 3, 2, 5) and out['inputs'].dtype == torch.float32
    assert out['inputs'][1, :, 0, 0].tolist() == [2, 2, 2]
    assert out['data_samples'] == ['a', 'b']


def test_default_is_imagenets_mean_and_deviation_on_0_to_255() -> None:
    for ours, published in ((IMAGENET_MEAN, (0.485, 0.456, 0.406)), (IMAGENET_STD, (0.229, 0.224, 0.225))):
        assert ours == pytest.approx([255 * value for value in published])
    black = LocDataPreprocessor()({'inputs': torch.zeros(1, 3, 1, 1, dtype=torch.uint8)})['inputs']
    torch.testing.assert_close(black.flatten(), -torch.tensor(IMAGENET_MEAN) / torch.tensor(IMAGENET_STD))


def test_several_views_of_an_image_stay_together() -> None:
    views = torch.randint(0, 256, (10, 3, 4, 6), dtype=torch.uint8)
    out = LocDataPreprocessor()({'inputs': [views, views]})
    single = LocDataPreprocessor()({'inputs': list(views)})
    assert out['inputs'].shape == (2, 10, 3, 4, 6) and out['data_samples'] is None
    assert torch.equal(out['inputs'][1], single['inputs'])


def test_images_of_different_size_are_refused_with_their_sizes() -> None:
    inputs = [torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(3, 4, 6, dtype=torch.uint8)]
    with pytest.raises(ValueError, match=r'\(3, 4, 4\), \(3, 4, 6\).*add a Resize or a crop'):
        LocDataPreprocessor()({'inputs': inputs})


def test_constants_are_no_part_of_a_checkpoint() -> None:
    assert not LocDataPreprocessor().state_dict()
