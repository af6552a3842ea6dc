from .cpu_amp_optim_wrapper import CpuAmpOptimWrapper
from .role_optim_wrapper_constructor import RoleOptimWrapperConstructor

__all__ = ['CpuAmpOptimWrapper', 'RoleOptimWrapperConstructor']
