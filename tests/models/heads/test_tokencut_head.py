from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from mmwsol.models.heads import TokenCutHead
from mmwsol.models.heads.tokencut_head import normalized_cut


def scene(height: int = 6, width: int = 7) -> tuple[Tensor, Tensor]:
    """Features of an object (rows 1-2, columns 2-4) on a background, with noise; and the object's mask."""
    torch.manual_seed(0)
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[1:3, 2:5] = True
    directions = torch.eye(2, 16)
    features = directions[mask.long()] + 0.03 * torch.randn(height, width, 16)
    return features.permute(2, 0, 1), mask


def test_cut_is_the_object() -> None:
    features, mask = scene()
    assert torch.equal(normalized_cut(features[None])[0] > 0, mask)


def test_cut_equals_the_generalised_eigenproblem_solved_by_numpy() -> None:
    torch.manual_seed(3)
    features = torch.randn(1, 4, 5, 5, dtype=torch.double)
    flat = features[0].flatten(1).T.numpy()
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    weights = np.where(unit @ unit.T > 0.2, 1.0, 1e-5)
    degree = np.diag(weights.sum(1))
    values, vectors = np.linalg.eig(np.linalg.inv(degree) @ (degree - weights))
    second = vectors[:, np.argsort(values.real)[1]].real
    second = second / np.sqrt(second @ degree @ second)
    part = second - second.mean()
    part = part if part[np.abs(second).argmax()] > 0 else -part
    np.testing.assert_allclose(normalized_cut(features)[0].flatten().numpy(), part.clip(0), atol=1e-8)


def test_images_of_a_batch_do_not_influence_each_other() -> None:
    torch.manual_seed(1)
    features = torch.stack([scene()[0], torch.randn(16, 6, 7)])
    torch.testing.assert_close(
        normalized_cut(features)[:1], normalized_cut(features[:1]), rtol=1e-4, atol=1e-5
    )


def test_map_is_class_agnostic_and_classes_come_from_the_patch_tokens(samples_of: Callable) -> None:
    head = TokenCutHead(num_classes=5, in_channels=16).eval()
    features, tokens = scene()[0][None], torch.randn(1, 16, 6, 7)
    (sample,) = head.predict((features, tokens), samples_of([3]))
    assert sample.map_labels.tolist() == [-1] and sample.pred_maps.shape == (1, 6, 7)
    torch.testing.assert_close(sample.pred_scores, head.fc(tokens.mean((2, 3))).softmax(1)[0])


def test_without_keys_the_patch_map_is_cut() -> None:
    head = TokenCutHead(num_classes=5, in_channels=16).eval()
    features = scene()[0][None]
    labels = torch.tensor([[-1]])
    assert torch.equal(
        head.localize(head.pre_logits([features]), labels),
        head.localize(head.pre_logits([features, features]), labels),
    )


@pytest.mark.parametrize('others', [[(1, 3, 5)], [(1, 16)], [(1, 3, 5), (1, 16, 2, 2)]])
def test_attention_rows_and_class_tokens_are_refused(others: list) -> None:
    feats = [torch.zeros(shape) for shape in [*others, (1, 16, 2, 2)]]
    with pytest.raises(ValueError, match=r'\(1, 16, 2, 2\)\]; set backbone\.attention="none"'):
        TokenCutHead(num_classes=5, in_channels=16)(feats)
