from __future__ import annotations

import pytest
from mmengine.config import Config

from mmwsol.apis.post_hoc_options import METHODS, use_post_hoc_maps
from mmwsol.registry import MODELS


def config(**model) -> Config:
    return Config(dict(model=dict(type='Localizer', **model)))


@pytest.mark.parametrize('name', METHODS)
def test_every_name_builds_its_maps(name: str) -> None:
    pytest.importorskip('torchcam')
    cfg = config()
    use_post_hoc_maps(cfg, name, None)
    assert hasattr(MODELS.build(cfg.model.maps), 'predict')


@pytest.mark.parametrize(('text', 'layer'), [('-2', -2), ('3', 3), ('backbone.layer3', 'backbone.layer3')])
def test_layer_is_a_number_or_a_name(text: str, layer: int | str) -> None:
    cfg = config()
    use_post_hoc_maps(cfg, 'bagcams', text)
    assert cfg.model.maps.layer == layer


def test_layer_alone_changes_the_configs_maps() -> None:
    cfg = config(maps=dict(type='BagCAMs', layer=3, weighting='uniform'))
    use_post_hoc_maps(cfg, None, '2')
    assert cfg.model.maps == dict(type='BagCAMs', layer=2, weighting='uniform')
    with pytest.raises(ValueError, match='name them with --maps'):
        use_post_hoc_maps(config(), None, '2')


def test_options_of_the_command_line_go_over_the_named_maps_and_those_of_the_config_go() -> None:
    cfg = config(maps=dict(type='TorchCAM', method='CAM', fc_layer='head.other', layer=2))
    options = {'model.maps.weighting': 'uniform', 'model.head.topk': 0}
    use_post_hoc_maps(cfg, 'bagcams', None, options)
    assert cfg.model.maps == dict(type='mmwsol.BagCAMs', weighting='uniform')
    use_post_hoc_maps(cfg, 'bagcams', '3', {'model.maps.layer': 2})
    assert cfg.model.maps.layer == 3 and METHODS['bagcams'] == dict(type='mmwsol.BagCAMs')


def test_without_options_the_config_stays() -> None:
    cfg = config()
    use_post_hoc_maps(cfg, None, None)
    assert 'maps' not in cfg.model
