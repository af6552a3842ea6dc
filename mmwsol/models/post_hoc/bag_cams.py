from __future__ import annotations

from torch import Tensor

from mmwsol.registry import MODELS

from .gradient_maps import GradientMaps

WEIGHTINGS = ('contribution', 'uniform')


@MODELS.register_module()
class BagCAMs(GradientMaps):
    """Bagged regional localizers (the idea of BagCAMs, Zhu et al., ECCV 2022).

    A classifier that was trained on pooled features suits no single position. Its gradient at position m is the linear
    classifier as seen from there, a regional localizer: applied at every position it gives a map of its own. The
    localization map is the weighted mean of these h * w maps, each cut at zero first, so that no localizer can veto another.
    Behind global average pooling and a linear layer all localizers are one, and the map is relu(CAM) up to a factor.

    Written from the idea: the weights of the mean are ours. ``contribution`` weighs a localizer by what its own position
    adds to the logit to first order, relu(<gradient, activation>); ``uniform`` is the plain mean of bagging.
    """

    def __init__(self, layer: int | str = -1, weighting: str = 'contribution') -> None:
        super().__init__(layer)
        if weighting not in WEIGHTINGS:
            raise ValueError(f'weighting must be one of {WEIGHTINGS}, got {weighting!r}')
        self.weighting = weighting

    def weigh(self, activations: Tensor, gradients: Tensor) -> Tensor:
        return bag_maps(activations, gradients, self.weighting)


def bag_maps(activations: Tensor, gradients: Tensor, weighting: str = 'contribution') -> Tensor:
    """Weighted mean of the maps of all regional localizers: (N, c, h, w) twice to (N, h, w), >= 0.

    Where no position contributes, all weigh the same. Memory: N * (h * w)^2.
    """
    localizers = gradients.flatten(2).mT  # (N, m, c)
    maps = (localizers @ activations.flatten(2)).relu_()  # (N, m, h * w)
    if weighting == 'uniform':
        bagged = maps.mean(1)
    else:
        own = maps.diagonal(dim1=1, dim2=2)  # (N, m): what each localizer says of its own position
        weights = own.where(own.sum(1, keepdim=True) > 0, 1)
        bagged = (weights[:, None] @ maps)[:, 0] / weights.sum(1, keepdim=True)
    return bagged.unflatten(1, activations.shape[2:])
