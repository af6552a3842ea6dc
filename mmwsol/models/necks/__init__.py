from .activation_diffusion import ActivationDiffusion

__all__ = ['ActivationDiffusion']
