"""Our components against golden numbers recorded from the authors' code: ``tools/analysis/check_parity.py``.

A fixture says by its own keys what it holds, so a new one with other seeds needs no new code. Weights and inputs are
rebuilt from the seeds stored in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Fixture = Mapping[str, NDArray]


@dataclass(frozen=True)
class Comparison:
    """One compared quantity; ``tolerance`` 0 asks for equality."""

    name: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance  # False for NaN

    def __str__(self) -> str:
        return f'{self.name:<34} max error {self.error:9.2e}  tolerance {self.tolerance:7.0e}  {"ok" if self.ok else "FAIL"}'


def compare(
    name: str, ours: ArrayLike, golden: ArrayLike, tolerance: float = 0.0, relative: str = ''
) -> Comparison:
    """Largest difference.

    Args:
        relative: '' absolute; ``element``: to each golden element; ``maximum``: to the largest golden magnitude.
    """
    ours, golden = as_float64(ours), as_float64(golden)
    if ours.shape != golden.shape:
        raise ValueError(f'{name}: shape {ours.shape}, golden data have {golden.shape}')
    error = np.abs(ours - golden)
    if relative == 'element':
        error = np.divide(error, np.abs(golden), out=error, where=golden != 0)
    elif relative == 'maximum':
        error = error / max(np.abs(golden).max(initial=0.0), 1e-30)
    return Comparison(name, float(error.max(initial=0.0)), tolerance)


def as_float64(values: ArrayLike) -> NDArray[np.float64]:
    """At least one-dimensional; tensors, also those with a gradient, and lists of them."""
    if isinstance(values, Tensor):
        values = values.detach().numpy()
    elif isinstance(values, list) and values and isinstance(values[0], Tensor):
        values = torch.stack(values).detach().numpy()
    return np.atleast_1d(np.asarray(values, np.float64))


def check_fixture(path: str | Path) -> Iterator[Comparison]:
    """Compare everything that a golden file holds.

    Raises:
        ValueError: no component claims the file.
    """
    from .parity_bas import check_bas
    from .parity_data_pipeline import check_data_pipeline
    from .parity_dawsol import check_dawsol, check_dawsol_losses
    from .parity_evaluation import check_box_evaluator, check_post_processing, check_top1_evaluator
    from .parity_masks import check_mask_evaluator
    from .parity_protocols import check_eval_protocol
    from .parity_sat import check_sat, check_sat_test
    from .parity_tscam import check_scm, check_scm_conformer, check_tscam
    from .parity_wsol_models import check_wsol_models

    claims: list[tuple[set[str], Callable[[Fixture, Path], Iterator[Comparison]]]] = [
        ({'state_keys', 'train_S_bg', 'eval_map_top1'}, check_bas),
        ({'maps', 'boxes_cvpr', 'boxes_ext'}, check_post_processing),
        ({'gt_boxes_224', 'v2_i001_correct_iou50'}, check_box_evaluator),
        ({'top1_correct_iou50', 'pred_label'}, check_top1_evaluator),
        ({'score_maps_u16', 'gt_masks', 'da_iou_curve_01'}, check_mask_evaluator),
        ({'cams', 'evaluated_rows', 'scm_det50'}, check_eval_protocol),
        ({'cub0_tensor_s4', 'in_line'}, check_data_pipeline),
        ({'state_keys', 'attn_cls_rows', 'semantic'}, check_tscam),
        ({'state_keys', 'block0/diffused', 'pred_map'}, check_scm),
        ({'state_keys', 'masks_all_layers', 'area_target'}, check_sat),
        ({'state_keys', 'cams', 'grad/conv_cls_head.bias'}, check_scm_conformer),
        ({'state/loc_token', 'logits_center', 'tencrop_prob'}, check_sat_test),
        ({'spg_thresholds', 'acol_threshold', 'cutmix_out'}, check_wsol_models),
        ({'s0_kmeans_init', 'mmd_linear'}, check_dawsol_losses),
        ({'resnet50_lfm0_score_maps_raw', 'resnet50_lfm0_classifier_names'}, check_dawsol),
    ]
    path = Path(path)
    with np.load(path, allow_pickle=False) as fixture:
        for keys, check in claims:
            if keys <= set(fixture.files):
                yield from check(fixture, path)
                return
        raise ValueError(
            f'{path}: no component of mmwsol claims a fixture with the keys {fixture.files[:8]} ...'
        )
