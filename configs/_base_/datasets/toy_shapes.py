"""ToyShapes: 480 training and 160 test pictures of 128x128 in 8 classes, drawn at first use; crop 112x112."""

from mmengine.dataset import DefaultSampler, pseudo_collate

from mmwsol.datasets import ToyShapes
from mmwsol.datasets.transforms import (
    CenterCrop,
    LoadLocImage,
    PackLocInputs,
    RandomCrop,
    RandomFlip,
    Resize,
    TenCrop,
)
from mmwsol.engine.hooks import seed_worker
from mmwsol.evaluation.metrics import LocalizationMetric

num_classes = 8

train_pipeline = [
    dict(type=LoadLocImage),
    dict(type=Resize, scale=(128, 128)),
    dict(type=RandomCrop, crop_size=112),
    dict(type=RandomFlip, prob=0.5),
    dict(type=PackLocInputs),
]
test_pipeline = [
    dict(type=LoadLocImage),
    dict(type=Resize, scale=(128, 128)),
    dict(type=CenterCrop, crop_size=112),
    dict(type=PackLocInputs),
]
ten_crop_pipeline = [
    dict(type=LoadLocImage),
    dict(type=Resize, scale=(128, 128)),
    dict(type=TenCrop, crop_size=112),
    dict(type=PackLocInputs),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type=DefaultSampler, shuffle=True),
    worker_init_fn=dict(type=seed_worker),
    collate_fn=dict(type=pseudo_collate),
    dataset=dict(type=ToyShapes, split='train', num_classes=8, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type=DefaultSampler, shuffle=False),
    collate_fn=dict(type=pseudo_collate),
    dataset=dict(type=ToyShapes, split='test', num_classes=8, test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader

val_evaluator = dict(type=LocalizationMetric, protocols=['choe_v2'])
test_evaluator = val_evaluator
