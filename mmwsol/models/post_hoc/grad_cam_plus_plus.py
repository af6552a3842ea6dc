from __future__ import annotations

from torch import Tensor

from mmwsol.registry import MODELS

from .gradient_maps import GradientMaps


@MODELS.register_module()
class GradCAMPlusPlus(GradientMaps):
    """Grad-CAM++ (Chattopadhay et al., WACV 2018): channels weighted by their positive gradients, each position its share.

    With g the gradient of the logit and A the activation, equation 19 of the paper: the weight of channel c is the sum over
    positions of alpha * relu(g), alpha = g^2 / (2 g^2 + g^3 sum(A)), zero where g is. The factor exp(logit) that the paper's
    score brings in is left out: it scales a whole map. torchcam 0.5.0 also leaves out the denominator of alpha.
    """

    def weigh(self, activations: Tensor, gradients: Tensor) -> Tensor:
        total = activations.sum((2, 3), keepdim=True)  # (N, c, 1, 1)
        denominator = 2 + gradients * total  # of alpha, divided by g^2
        alpha = (gradients != 0) / denominator.where(denominator != 0, 1)
        weights = (alpha * gradients.relu()).sum((2, 3), keepdim=True)
        return (weights * activations).sum(1).relu()  # (N, h, w)
