"""CUB-200-2011 in the frame of BAS and SAT: resize to 256x256, crop 224x224.

The data lie in ``$MMWSOL_DATA_ROOT/CUB_200_2011``.
"""

from mmengine.dataset import DefaultSampler, pseudo_collate

from mmwsol.datasets import CUB
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

num_classes = 200

train_pipeline = [
    dict(type=LoadLocImage),
    dict(type=Resize, scale=(256, 256)),
    dict(type=RandomCrop, crop_size=224),
    dict(type=RandomFlip, prob=0.5),
    dict(type=PackLocInputs),
]
test_pipeline = [
    dict(type=LoadLocImage),
    dict(type=Resize, scale=(256, 256)),
    dict(type=CenterCrop, crop_size=224),
    dict(type=PackLocInputs),
]
ten_crop_pipeline = [
    dict(type=LoadLocImage),
    dict(type=Resize, scale=(256, 256)),
    dict(type=TenCrop, crop_size=224),
    dict(type=PackLocInputs),
]

train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type=DefaultSampler, shuffle=True),
    worker_init_fn=dict(type=seed_worker),
    collate_fn=dict(type=pseudo_collate),
    dataset=dict(type=CUB, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type=DefaultSampler, shuffle=False),
    collate_fn=dict(type=pseudo_collate),
    dataset=dict(type=CUB, split='test', test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader

val_evaluator = dict(type=LocalizationMetric, protocols=['choe_v2'])
test_evaluator = val_evaluator
