from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
from torch import nn

from mmwsol.registry import MODELS

from .staged_backbone import StagedBackbone


@MODELS.register_module()
class TimmBackbone(StagedBackbone):
    """Any convolutional timm feature extractor as a staged backbone, with timm's own layers and parameter names.

    Networks of the form stem + ``blocks`` (EfficientNet, MobileNet V1-V4, MNASNet, ...) and those that timm unrolls into
    a feature list (ResNet, RegNet, DenseNet, ConvNeXt, ...) are cut at the places timm names as feature levels.

    Args:
        name: timm model name.
        strides: replaces the stride of a stage, ``{stage: 1}`` drops it: the maps behind it get larger. Stages as they are
            before ``cuts``.
        head_conv: go on to the 1x1 convolution in front of the classifier, as a last stage, where the network has one
            (``conv_head`` of EfficientNet).
        checkpoint, match: shorthand for a ``Pretrained`` ``init_cfg``; ``checkpoint='timm://NAME'`` downloads.

    Raises:
        ValueError: unknown name, or a network without a list of stages that put out maps (N, C, h, w) (transformers
            have their own backbone).
    """

    def __init__(
        self,
        name: str,
        strides: Mapping[int, int] | None = None,
        out_indices: Sequence[int] = (-1,),
        head_conv: bool = False,
        checkpoint: str | None = None,
        match: str = 'name',
        frozen_stages: int = 0,
        init_cfg: dict | list[dict] | None = None,
        cuts: Sequence[str] = (),
        plugins: Sequence[dict] = (),
        **timm_args,
    ) -> None:
        if not timm.is_model(name):
            close = timm.list_models(f'*{name.split("_")[0]}*')[:8]
            raise ValueError(f'timm has no model {name!r}; similar names: {close}')
        if checkpoint is not None:
            init_cfg = dict(type='Pretrained', checkpoint=checkpoint, match=match)
        net: Any = timm.create_model(name, pretrained=False, **timm_args)
        modules, stages = _block_stages(net) if _has_blocks(net) else _list_stages(name, timm_args)
        if head_conv:
            if not hasattr(net, 'conv_head') or not hasattr(net, 'bn2'):
                raise ValueError(f'timm model {name!r} has no conv_head with bn2 behind its blocks')
            modules |= dict(conv_head=net.conv_head, bn2=net.bn2)
            stages.append(['conv_head', 'bn2'])
        super().__init__(stages, [0] * len(stages), out_indices, frozen_stages, init_cfg, cuts, plugins)
        for key, module in modules.items():
            self.add_module(key, module)
        try:
            self.channels = self.measure_channels(net.pretrained_cfg['input_size'][-1])
        except ValueError as error:
            raise ValueError(f'timm model {name!r} cannot be cut into stages: {error}') from error
        for stage, stride in dict(strides or {}).items():
            self._set_stride(int(stage), stride)
        self.arrange_stages()

    def _set_stride(self, stage: int, stride: int) -> None:
        """Give the strided layers of a stage another stride; timm's stages hold at most one strided position."""
        modules = [m for name in self.stages[stage] for m in self.get_submodule(name).modules()]
        strided = [m for m in modules if getattr(m, 'stride', 1) in (2, (2, 2))]
        if not strided:
            raise ValueError(f'stage {stage} of {type(self).__name__} has no layer of stride 2 to change')
        for module in strided:
            if getattr(module, 'kernel_size', None) in (2, (2, 2)) and stride == 1:
                module.kernel_size = 1  # a pool that only halves
            module.stride = (stride, stride) if isinstance(module.stride, tuple) else stride


def _has_blocks(net: nn.Module) -> bool:
    return all(hasattr(net, name) for name in ('conv_stem', 'bn1', 'blocks', 'feature_info')) and isinstance(
        net.blocks, nn.Sequential
    )


def _block_stages(net: Any) -> tuple[dict[str, nn.Module], list[list[str]]]:
    """Stem and first block stage are stage 0; every further entry of ``blocks`` is a stage."""
    stages = [['conv_stem', 'bn1', 'blocks.0']] + [[f'blocks.{i}'] for i in range(1, len(net.blocks))]
    if hasattr(net, 'act1') and not isinstance(net.act1, nn.Identity):
        stages[0].insert(2, 'act1')
    names = ['conv_stem', 'bn1', 'blocks'] + (['act1'] if 'act1' in stages[0] else [])
    return {name: getattr(net, name) for name in names}, stages


def _list_stages(name: str, timm_args: Mapping) -> tuple[dict[str, nn.Module], list[list[str]]]:
    net: Any = timm.create_model(name, pretrained=False, features_only=True, **timm_args)
    if not hasattr(net, 'return_layers'):
        raise ValueError(
            f'timm model {name!r} has no list of convolutional stages; use a convolutional one, or a ViT backbone'
        )
    stages: list[list[str]] = [[]]
    for key in net:
        stages[-1].append(key)
        if key in net.return_layers:
            stages.append([])
    modules = {key: net[key] for names in stages[:-1] for key in names}
    return modules, stages[:-1]
