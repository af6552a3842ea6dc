"""What every run shares: hooks, logging, visualization, checkpoints that survive a kill."""

from mmengine.hooks import (
    CheckpointHook,
    DistSamplerSeedHook,
    IterTimerHook,
    LoggerHook,
    ParamSchedulerHook,
    RuntimeInfoHook,
)
from mmengine.runner import LogProcessor
from mmengine.visualization import LocalVisBackend

from mmwsol.engine.hooks import ClassCountHook, ContactSheetHook, EpochSeedHook, SelectionHook
from mmwsol.visualization import LocVisualizer

default_scope = 'mmwsol'

default_hooks = dict(
    runtime_info=dict(type=RuntimeInfoHook),
    timer=dict(type=IterTimerHook),
    sampler_seed=dict(type=DistSamplerSeedHook),
    logger=dict(type=LoggerHook, interval=10),
    param_scheduler=dict(type=ParamSchedulerHook),
    checkpoint=dict(type=CheckpointHook, interval=1, max_keep_ckpts=3, backend_args=dict(backend='atomic')),
    contact_sheet=dict(type=ContactSheetHook),
    epoch_seed=dict(type=EpochSeedHook),
    class_count=dict(type=ClassCountHook),
    selection=dict(type=SelectionHook),
)

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=6)

visualizer = dict(type=LocVisualizer, vis_backends=[dict(type=LocalVisBackend)])
log_processor = dict(type=LogProcessor, window_size=10, by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
