from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .pretrained_weights import PretrainedModule


class StagedBackbone(PretrainedModule):
    """A backbone that is a list of stages and can be entered at any of them.

    A subclass builds its layers and sets ``stages``: for each stage the names of its submodules, in running order, and
    ``channels``: the channels each stage puts out.

    Args:
        stages: submodule names of each stage.
        channels: output channels of each stage.
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
    ) -> None:
        super().__init__(init_cfg)
        self.stages = [tuple(names) for names in stages]
        self.channels = tuple(channels)
        total = len(self.stages)
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

    def run_stage(self, index: int, x: Tensor) -> Tensor:
        for name in self.stages[index]:
            x = self.get_submodule(name)(x)
        return x

    def stage_prefixes(self, start: int) -> tuple[str, ...]:
        """Prefixes of the parameter names that stages ``start`` and later own."""
        return tuple(f'{name}.' for names in self.stages[start:] for name in names)

    def train(self, mode: bool = True) -> StagedBackbone:
        super().train(mode)
        for names in self.stages[: self.frozen_stages]:
            for name in names:
                module: nn.Module = self.get_submodule(name)
                module.eval().requires_grad_(False)
        return self
