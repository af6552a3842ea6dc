"""Registries of mmwsol: children of MMEngine's roots.

A part registered here is found by its plain name in configs whose ``default_scope`` is ``mmwsol``; parts of other
OpenMMLab packages are reached with their scope (``type='mmpretrain.ResNet'``).
"""

from mmengine import registry as root
from mmengine.registry import Registry

MODELS = Registry('model', scope='mmwsol', parent=root.MODELS, locations=['mmwsol.models'])
DATASETS = Registry('dataset', scope='mmwsol', parent=root.DATASETS, locations=['mmwsol.datasets'])
TRANSFORMS = Registry(
    'transform', scope='mmwsol', parent=root.TRANSFORMS, locations=['mmwsol.datasets.transforms']
)
METRICS = Registry('metric', scope='mmwsol', parent=root.METRICS, locations=['mmwsol.evaluation.metrics'])
HOOKS = Registry('hook', scope='mmwsol', parent=root.HOOKS, locations=['mmwsol.engine'])
OPTIM_WRAPPERS = Registry(
    'optim_wrapper', scope='mmwsol', parent=root.OPTIM_WRAPPERS, locations=['mmwsol.engine']
)
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    scope='mmwsol',
    parent=root.OPTIM_WRAPPER_CONSTRUCTORS,
    locations=['mmwsol.engine'],
)
FUNCTIONS = Registry('function', scope='mmwsol', parent=root.FUNCTIONS, locations=['mmwsol.engine'])
VISUALIZERS = Registry(
    'visualizer', scope='mmwsol', parent=root.VISUALIZERS, locations=['mmwsol.visualization']
)
INFERENCERS = Registry('inferencer', scope='mmwsol', parent=root.INFERENCERS, locations=['mmwsol.apis'])

# Families that mmwsol does not extend; with a child each, MMEngine finds its own parts from the mmwsol scope silently.
DATA_SAMPLERS = Registry('data sampler', scope='mmwsol', parent=root.DATA_SAMPLERS)
EVALUATOR = Registry('evaluator', scope='mmwsol', parent=root.EVALUATOR)
LOG_PROCESSORS = Registry('log processor', scope='mmwsol', parent=root.LOG_PROCESSORS)
LOOPS = Registry('loop', scope='mmwsol', parent=root.LOOPS)
MODEL_WRAPPERS = Registry('model wrapper', scope='mmwsol', parent=root.MODEL_WRAPPERS)
OPTIMIZERS = Registry('optimizer', scope='mmwsol', parent=root.OPTIMIZERS)
PARAM_SCHEDULERS = Registry('parameter scheduler', scope='mmwsol', parent=root.PARAM_SCHEDULERS)
RUNNERS = Registry('runner', scope='mmwsol', parent=root.RUNNERS)
VISBACKENDS = Registry('vis_backend', scope='mmwsol', parent=root.VISBACKENDS)
WEIGHT_INITIALIZERS = Registry('weight initializer', scope='mmwsol', parent=root.WEIGHT_INITIALIZERS)
