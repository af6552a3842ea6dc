"""ToyShapes, schedule and hooks in text style: what the text config beside it inherits."""

default_scope = 'mmwsol'
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=10),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=3, backend_args=dict(backend='atomic')),
    contact_sheet=dict(type='ContactSheetHook'),
    epoch_seed=dict(type='EpochSeedHook'),
    class_count=dict(type='ClassCountHook'),
)
visualizer = dict(type='LocVisualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=6)

train_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='Resize', scale=(128, 128)),
    dict(type='RandomCrop', crop_size=112),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackLocInputs'),
]
test_pipeline = [
    dict(type='LoadLocImage'),
    dict(type='Resize', scale=(128, 128)),
    dict(type='CenterCrop', crop_size=112),
    dict(type='PackLocInputs'),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=True),
    worker_init_fn=dict(type='mmwsol.seed_worker'),
    dataset=dict(type='ToyShapes', split='train', num_classes=8, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ToyShapes', split='test', num_classes=8, test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='LocalizationMetric', protocols=['choe_v2'])
test_evaluator = val_evaluator

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=12, eta_min=1e-5, by_epoch=True)]
train_cfg = dict(by_epoch=True, max_epochs=12, val_interval=6)
val_cfg = dict()
test_cfg = dict()
