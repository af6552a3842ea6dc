from __future__ import annotations

import re
from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

from mmwsol.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class RoleOptimWrapperConstructor:
    """Parameter groups by role: few groups, so that fused and multi-tensor optimisers run at full speed.

    Every parameter gets the role of the first pattern that matches its name (``re.match``), else ``rest``; each role is
    split into weights (norm scales included) and biases (norm shifts included). Empty groups are left out.

    Args of ``paramwise_cfg``:
        roles: list of ``dict(name=..., match=REGEX, lr_mult=1.0, decay_mult=1.0)``.
        bias_lr_mult, bias_decay_mult: multiply what the role gives to its biases.
        vector_decay_mult: multiplies the weight decay of one-dimensional parameters (norms, biases, scalars), which then
            form the second group of a role; the usual form for transformers is 0. Excludes the two before.

    Raises:
        ValueError: a pattern matches no parameter, or an unknown key or combination is given.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        self.optim_wrapper_cfg = dict(optim_wrapper_cfg)
        config = dict(paramwise_cfg or {})
        self.roles = [{'lr_mult': 1.0, 'decay_mult': 1.0, **role} for role in config.pop('roles', ())]
        self.bias_lr_mult = config.pop('bias_lr_mult', 1.0)
        self.bias_decay_mult = config.pop('bias_decay_mult', 1.0)
        self.vector_decay_mult = config.pop('vector_decay_mult', None)
        if config:
            raise ValueError(
                f'unknown paramwise_cfg keys {sorted(config)}; known: roles, bias_lr_mult, bias_decay_mult, '
                'vector_decay_mult'
            )
        if self.vector_decay_mult is not None:
            if (self.bias_lr_mult, self.bias_decay_mult) != (1.0, 1.0):
                raise ValueError(
                    'vector_decay_mult covers biases; leave out bias_lr_mult and bias_decay_mult'
                )
            self.bias_decay_mult = self.vector_decay_mult

    def __call__(self, model: nn.Module) -> OptimWrapper:
        wrapper = self.optim_wrapper_cfg
        optimizer = dict(wrapper.pop('optimizer'))
        wrapper.pop('constructor', None)
        wrapper.setdefault('type', 'OptimWrapper')
        groups = self.groups(
            getattr(model, 'module', model), optimizer['lr'], optimizer.get('weight_decay', 0.0)
        )
        optimizer = OPTIMIZERS.build(dict(optimizer, params=groups))
        return OPTIM_WRAPPERS.build(wrapper, default_args=dict(optimizer=optimizer))

    def groups(self, model: nn.Module, lr: float, weight_decay: float) -> list[dict[str, Any]]:
        """Role by role, weights before biases; each with ``name``, ``lr`` and ``weight_decay``."""
        roles = [*self.roles, dict(name='rest', match='', lr_mult=1.0, decay_mult=1.0)]
        groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
        matched = set()
        for name, parameter in model.named_parameters():
            first = next(i for i, role in enumerate(roles) if re.match(role['match'], name))
            matched.add(first)
            if parameter.requires_grad:
                groups.setdefault((first, self._is_second(name, parameter)), []).append(parameter)
        for index, role in enumerate(self.roles):
            if index not in matched:
                raise ValueError(f'no parameter name matches {role["match"]!r} of role {role["name"]!r}')
        return [
            self._group(roles[index], second, groups[index, second], lr, weight_decay)
            for index, second in sorted(groups)
        ]

    def _is_second(self, name: str, parameter: nn.Parameter) -> bool:
        vector = self.vector_decay_mult is not None and parameter.ndim <= 1
        return vector or name.endswith('bias')

    def _group(
        self,
        role: dict[str, Any],
        second: bool,
        parameters: list[nn.Parameter],
        lr: float,
        weight_decay: float,
    ) -> dict[str, Any]:
        lr_mult = role['lr_mult'] * (self.bias_lr_mult if second else 1.0)
        decay_mult = role['decay_mult'] * (self.bias_decay_mult if second else 1.0)
        kind = 'weight' if not second else 'bias' if self.vector_decay_mult is None else 'vector'
        name = f'{role["name"]} {kind}'
        return dict(params=parameters, name=name, lr=lr * lr_mult, weight_decay=weight_decay * decay_mult)
