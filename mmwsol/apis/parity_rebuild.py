"""Weights, inputs and models that golden fixtures say how to rebuild, and the comparisons that several checks share."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import NDArray
from torch import Tensor

from mmwsol.registry import MODELS

from .parity import Comparison, Fixture, compare
from .run_config import drop_pretrained_weights, find_config


def draw_weights(names: Sequence[str], shapes: NDArray, seed: int) -> Iterator[tuple[str, NDArray]]:
    """Standard normal draws by official name, in sorted order, as every ViT fixture makes them."""
    random = np.random.RandomState(seed)
    for key, padded in sorted(zip(names, map(tuple, shapes.tolist()))):
        yield key, random.standard_normal(tuple(v for v in padded if v > 0))


def crc_weights(names: Sequence[str], shapes: Sequence[Sequence[int]], seed: int = 0) -> dict[str, Tensor]:
    """The weight rule of wsolevaluation's and DA-WSOL's fixtures: each tensor from the checksum of its official name."""
    norms = {name.rpartition('.')[0] for name in names if name.endswith('running_var')}
    out = {}
    for name, shape in zip(names, shapes):
        draw = np.random.RandomState((zlib.crc32(name.encode()) + seed) % 2**32)
        module, _, leaf = name.rpartition('.')
        if leaf == 'num_batches_tracked':
            value = np.zeros(shape)
        elif module in norms and leaf == 'weight':
            low, span = (0.2, 0.1) if module.endswith('bn3') else (0.8, 0.4)
            value = low + span * draw.rand(*shape)
        elif module in norms and leaf == 'running_var':
            value = 0.5 + draw.rand(*shape)
        elif len(shape) in (2, 4):
            gain = 2 if len(shape) == 4 else 1
            value = draw.randn(*shape) * np.sqrt(gain / np.prod(shape[1:]))
        else:
            value = 0.1 * draw.randn(*shape)
        out[name] = torch.from_numpy(np.asarray(value, np.float32))
    return out


def load_converted(model: Any, state: dict[str, Tensor]) -> None:
    """Load a converted state and zero the batch counters; every entry must find its place."""
    own = model.state_dict()
    counters = {key: torch.zeros_like(own[key]) for key in own if key.endswith('num_batches_tracked')}
    model.load_state_dict({**state, **counters}, strict=True)


def build_tiny(config: str, num_classes: int, **sizes: int) -> tuple[Config, Any]:
    """A shipped configuration with a fixture's sizes, without stochastic depth, and its model."""
    cfg = Config.fromfile(find_config(config))
    drop_pretrained_weights(cfg.model)
    cfg.model.backbone.update(sizes, drop_path_rate=0.0)
    cfg.model.head.update(num_classes=num_classes, in_channels=sizes['embed_dim'])
    return cfg, MODELS.build(cfg.model)


def stored_sizes(fixture: Fixture) -> dict[str, int]:
    return {key: int(fixture[key]) for key in ('num_classes', 'embed_dim', 'depth', 'num_heads', 'mlp_ratio')}


def golden_input(fixture: Fixture) -> Tensor:
    random = np.random.RandomState(int(fixture['input_seed']))
    shape = tuple(fixture['input_shape'].tolist())
    return torch.from_numpy(random.standard_normal(shape).astype(np.float32))


def check_rebuilt(fixture: Fixture, weights: dict[str, NDArray], images: Tensor) -> Iterator[Comparison]:
    norms = [np.linalg.norm(weights[name].astype(np.float64)) for name in fixture['state_keys'].tolist()]
    yield compare('rebuilt weights, l2', norms, fixture['state_l2'], 1e-6, 'element')
    check = [images.double().sum(), images.double().norm()]
    yield compare('rebuilt input, sum and l2', check, fixture['input_check'], 1e-6, 'element')


def torch_state(weights: dict[str, NDArray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in weights.items()}


def check_gradients(
    fixture: Fixture, model: Any, prefix: str, tolerance: float, rename: Callable[[str], str]
) -> Iterator[Comparison]:
    """Every stored gradient, and the norm of all."""
    parameters = dict(model.named_parameters())
    for key in (key for key in fixture if key.startswith(f'{prefix}grad/')):
        gradient = parameters[rename(key.removeprefix(f'{prefix}grad/'))].grad
        yield compare(key, gradient, fixture[key], tolerance, 'maximum')
    if f'{prefix}grad_total_norm' in fixture:
        norms = [p.grad.double().norm() for p in parameters.values() if p.grad is not None]
        total = torch.stack(norms).norm()
        yield compare(
            f'{prefix}grad_total_norm', total, fixture[f'{prefix}grad_total_norm'], tolerance, 'element'
        )
