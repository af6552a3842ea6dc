from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmwsol.registry import MODELS

from .pretrained_weights import PretrainedModule


class StagedBackbone(PretrainedModule):
    """A backbone that is a list of stages and can be entered at any of them.

    A subclass sets ``stages``: for each stage the names of its submodules, in running order, and ``channels``: the channels
    each stage puts out; then it builds its layers and calls ``arrange_stages``.

    Args:
        stages: submodule names of each stage.
        channels: output channels of each stage.
        cuts: names of layers behind which a stage is cut in two, so that what they put out can be returned, as SPG needs;
            the cut stages count like others in every index.
        plugins: layers to insert, such as ADL: ``dict(layer=..., stage=3)`` at the end of a stage or
            ``dict(layer=..., after='layer3.0')`` behind a layer by name. Layers inside an ``nn.Sequential`` can be named.
        out_indices: stages whose outputs ``forward`` returns; negative ones count from the end.
        frozen_stages: the first so many stages keep their weights and batch statistics.
        init_cfg: MMEngine initialisers; ``dict(type='Pretrained', checkpoint=..., match='name' | 'position')`` is
            read by :func:`load_pretrained_weights`.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[str]],
        channels: Sequence[int],
        out_indices: Sequence[int] = (-1,),
        frozen_stages: int = 0,
        init_cfg: dict | list[dict] | None = None,
        cuts: Sequence[str] = (),
        plugins: Sequence[dict] = (),
    ) -> None:
        super().__init__(init_cfg)
        self.stages = [tuple(names) for names in stages]
        self.channels = tuple(channels)
        self._cuts, self._plugins = tuple(cuts), tuple(plugins)
        total = len(self.stages) + len(self._cuts)
        if any(not -total <= index < total for index in out_indices):
            raise ValueError(
                f'{type(self).__name__} has stages 0..{total - 1}, got out_indices={tuple(out_indices)}'
            )
        self.out_indices = tuple(sorted({index % total for index in out_indices}))
        self.frozen_stages = frozen_stages

    def forward(self, x: Tensor, start: int = 0, stop: int | None = None) -> tuple[Tensor, ...]:
        """Run stages ``start`` to ``stop`` - 1.

        Args:
            x: images (N, 3, H, W) if ``start`` is 0, else what stage ``start`` - 1 put out (N, C, h, w).

        Returns:
            Outputs of the stages in ``out_indices`` that were run; the last one run is always there, and last.
        """
        stop = len(self.stages) if stop is None else stop
        outs = []
        for index in range(start, stop):
            x = self.run_stage(index, x)
            if index in self.out_indices or index == stop - 1:
                outs.append(x)
        return tuple(outs)

    def arrange_stages(self) -> None:
        """Apply ``cuts`` and ``plugins`` to the layers that exist now; afterwards there is nothing left to apply."""
        for name in self._cuts:
            stage, position = self._place_behind(name)
            names = self.stages[stage]
            if position == len(names):
                raise ValueError(
                    f'{name} already ends stage {stage} of {type(self).__name__}; leave it out of cuts'
                )
            self.stages[stage : stage + 1] = [names[:position], names[position:]]
        if self._cuts:
            self.channels = self.measure_channels()
        if self._plugins:
            self.plugins = nn.ModuleList(MODELS.build(plugin['layer']) for plugin in self._plugins)
        for index, plugin in enumerate(self._plugins):
            stage, position = self._plugin_place(plugin)
            names = self.stages[stage]
            while position < len(names) and names[position].startswith('plugins.'):
                position += 1  # behind those that came before in the list
            self.stages[stage] = (*names[:position], f'plugins.{index}', *names[position:])
        self._cuts = self._plugins = ()
        self.freeze()  # already here: optimisers and DDP are built before train() is called

    def _plugin_place(self, plugin: dict) -> tuple[int, int]:
        if set(plugin) == {'layer', 'after'}:
            return self._place_behind(plugin['after'])
        if set(plugin) != {'layer', 'stage'} or not 0 <= plugin['stage'] < len(self.stages):
            raise ValueError(
                f'a plugin is dict(layer=..., stage=0..{len(self.stages) - 1}) or dict(layer=..., after=NAME), got {plugin}'
            )
        return plugin['stage'], len(self.stages[plugin['stage']])

    def _place_behind(self, name: str) -> tuple[int, int]:
        """Stage and position behind a layer; an ``nn.Sequential`` that holds it is replaced by what it holds."""
        for stage, names in enumerate(self.stages):
            for position, entry in enumerate(names):
                if entry == name:
                    return stage, position + 1
                module: nn.Module = self.get_submodule(entry)
                if name.startswith(f'{entry}.') and type(module).forward is nn.Sequential.forward:
                    inside = [f'{entry}.{child}' for child, _ in module.named_children()]
                    self.stages[stage] = (*names[:position], *inside, *names[position + 1 :])
                    return self._place_behind(name)
        raise ValueError(
            f'{type(self).__name__} runs no layer {name!r} of its own; a layer for cuts or plugins is one of '
            f'{[entry for names in self.stages for entry in names]} or stands in an nn.Sequential there'
        )

    @torch.no_grad()
    def measure_channels(self, side: int = 224) -> tuple[int, ...]:
        """Output channels of each stage, from a run on the meta device: shapes without arithmetic.

        Raises:
            ValueError: a stage does not put out square maps for square images.
        """
        twin = copy.deepcopy(self).to('meta').eval()
        x, channels = torch.empty(1, 3, side, side, device='meta'), []
        for index in range(len(self.stages)):
            for name in self.stages[index]:
                x = twin.get_submodule(name)(x)
            if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[2] != x.shape[3]:
                raise ValueError(f'stage {index} does not put out maps (N, C, h, w)')
            channels.append(x.shape[1])
        return tuple(channels)

    def run_stage(self, index: int, x: Tensor) -> Tensor:
        if self._cuts or self._plugins:
            raise ValueError(
                f'cuts and plugins were given, but {type(self).__name__} never called arrange_stages(): call it at the '
                'end of its __init__'
            )
        for name in self.stages[index]:
            x = self.get_submodule(name)(x)
        return x

    def stage_prefixes(self, start: int) -> tuple[str, ...]:
        """Prefixes of the parameter names that stages ``start`` and later own."""
        return tuple(f'{name}.' for names in self.stages[start:] for name in names)

    def layer_name(self, stage: int) -> str:
        """Name of the layer that a stage ends with; negative numbers count from the last."""
        if not -len(self.stages) <= stage < len(self.stages):
            raise ValueError(
                f'{type(self).__name__} has stages 0..{len(self.stages) - 1}, got the layer {stage}'
            )
        return self.stages[stage][-1]

    def train(self, mode: bool = True) -> StagedBackbone:
        super().train(mode)
        self.freeze()
        return self

    def freeze(self) -> None:
        """Stop what the first ``frozen_stages`` learn, and keep their mode."""
        for names in self.stages[: self.frozen_stages]:
            for name in names:
                module: nn.Module = self.get_submodule(name)
                module.eval().requires_grad_(False)
