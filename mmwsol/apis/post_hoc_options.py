"""Post-hoc maps on the command line: names for ``--maps`` and what they put into the config."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

METHODS: dict[str, dict[str, Any]] = {
    'cam': dict(type='mmwsol.TorchCAM', method='CAM'),
    'gradcam': dict(type='mmwsol.TorchCAM', method='GradCAM'),
    'gradcam++': dict(type='mmwsol.GradCAMPlusPlus'),
    'xgradcam': dict(type='mmwsol.TorchCAM', method='XGradCAM'),
    'layercam': dict(type='mmwsol.TorchCAM', method='LayerCAM'),
    'scorecam': dict(type='mmwsol.TorchCAM', method='ScoreCAM'),
    'bagcams': dict(type='mmwsol.BagCAMs'),
}


def add_post_hoc_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--maps', choices=tuple(METHODS), help="post-hoc maps of the classifier in place of the head's own"
    )
    parser.add_argument(
        '--layer',
        help='of --maps: a module of the model such as backbone.layer3, or a stage (block) of the backbone by number, '
        'negative from the end; default: the last',
    )


def use_post_hoc_maps(
    cfg: Config, maps: str | None, layer: str | None, options: Mapping[str, Any] | None = None
) -> None:
    """Put ``--maps`` and ``--layer`` into ``cfg.model.maps``; a layer alone changes the maps that stand there.

    Of the ``options`` of ``--cfg-options`` those of ``model.maps`` are put over what ``--maps`` names.
    """
    if maps is None and layer is None:
        return
    declared = cfg.model.get('maps')
    if maps is None and not declared:
        raise ValueError(
            f'--layer is the layer of post-hoc maps: name them with --maps ({", ".join(METHODS)})'
        )
    chosen = dict(declared or {})
    if maps:
        named = Config(dict(model=dict(maps=METHODS[maps])))
        named.merge_from_dict(
            {key: value for key, value in (options or {}).items() if key.startswith('model.maps.')}
        )
        chosen = dict(named.model.maps)
    if layer is not None:
        chosen['layer'] = int(layer) if layer.removeprefix('-').isdigit() else layer
    cfg.model['maps'] = chosen
